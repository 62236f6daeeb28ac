import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { isPopulated, membersOf } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';

import { sandbox, skip, testUid } from './fixture.ts';
import { launch } from './launch.ts';
import { noOpenings } from './openings.ts';
import { makePlan } from './plan.ts';
import { commandPid } from './signal.ts';

const noPython = spawnSync('python3', ['-c', '']).status === 0 ? false : 'needs python3';

const users = [
  ['root', 0],
  ['an ordinary user', testUid],
] as const;

test('the exit status is the command’s, 128 + n when a signal ended it', { skip }, async (t) => {
  const box = sandbox(t);
  assert.equal((await box.run('exit 0')).code, 0);
  assert.equal((await box.run('exit 41')).code, 41);
  assert.equal((await box.run('kill -TERM $$')).code, 143);
  assert.equal((await box.run('kill -KILL $$')).code, 137);
});

test('a command that vanished ends with 127, one that is no program with 126', {
  skip,
}, async (t) => {
  const box = sandbox(t);
  writeFileSync(join(box.cwd, 'text'), 'no program');
  const missing = box.start(['./nothing-here']);
  assert.equal((await missing.exit).code, 127);
  const text = box.start(['./text']);
  assert.equal((await text.exit).code, 126);
});

test('arguments reach the command as they are', { skip }, async (t) => {
  const box = sandbox(t);
  const args = ['$(id)', 'a\'b"c', 'a b', '; exit 9', '--help', '', 'x=1', '*', '\n'];
  const launched = box.start(['printf', '[%s]', ...args]);
  let out = '';
  launched.child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  assert.equal((await launched.exit).code, 0);
  assert.equal(out, args.map((arg) => `[${arg}]`).join(''));
});

for (const [who, uid] of users) {
  test(`${who}: every process is in the target’s cgroup from the first`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    let first = 0;
    const launched = box.start(['sh', '-c', 'echo up; read line'], {
      onStarted: (pid) => {
        first = pid;
        assert.ok(membersOf(box.cgroup.path).includes(pid));
      },
    });
    await new Promise((resolve) => launched.child.stdout?.once('data', resolve));
    const members = membersOf(box.cgroup.path);
    assert.ok(members.includes(launched.pid));
    assert.ok(members.includes(first));
    assert.equal(members.length, 3);
    launched.child.stdin?.end();
    await launched.exit;
  });

  test(`${who}: a signal reaches the command alone, once`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const script =
      'for s in INT TERM HUP QUIT USR1 USR2; do trap "echo got $s" $s; done; echo up; ' +
      'while [ ! -e end ]; do sleep 0.01; done; exit 7';
    const launched = box.start(['sh', '-c', script]);
    const lines = lineReader(launched.child.stdout);
    assert.equal(await lines.next(), 'up');
    for (const name of ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2'] as const) {
      assert.equal(await launched.signal(`SIG${name}`), true);
      // Had a signal come twice, the next line would be the same again.
      assert.equal(await lines.next(), `got ${name}`);
    }
    writeFileSync(join(box.cwd, 'end'), '');
    assert.equal((await launched.exit).code, 7);
    assert.equal(await launched.signal('SIGTERM'), false);
  });

  test(`${who}: a signal sent before the command runs is not lost`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const launched = box.start(['sleep', '60']);
    assert.equal(await launched.signal('SIGTERM'), true);
    assert.equal((await launched.exit).code, 143);
  });

  test(`${who}: what the command leaves behind is in the cgroup, and ends`, { skip }, async (t) => {
    const box = sandbox(t, uid);
    const launched = box.start(['sh', '-c', 'setsid sleep 300 & exit 3']);
    assert.equal((await launched.exit).code, 3);
    assert.equal(isPopulated(box.cgroup.path), true);
    await killAll(box.cgroup.path);
    assert.deepEqual(membersOf(box.cgroup.path), []);
  });
}

test('signal dispositions of the command are the defaults', { skip }, async (t) => {
  const box = sandbox(t);
  const { stdout } = await box.run('grep -E "SigIgn|SigBlk" /proc/self/status');
  const masks = stdout.split('\n').map((line) => BigInt(`0x${line.split('\t')[1]}`));
  // The classic signals, 1 to 31: what our caller ignores above them is its own affair.
  assert.deepEqual(
    masks.map((mask) => mask & 0x7fff_ffffn),
    [0n, 0n],
  );
});

test('no open file of ours reaches the command', { skip }, async (t) => {
  const box = sandbox(t);
  // 0 to 2 are the test's pipes; the shell's own listing is not there when it is read.
  const { stdout } = await box.run(
    'for f in /proc/$$/fd/*; do echo "$(basename $f) $(readlink $f)"; done | ' +
      'grep -vE "^[012] " | grep -E "socket|memfd|anon" || echo none',
  );
  assert.equal(stdout, 'none');
});

test('a folder that our caller left open is not passed on, a plain file is', {
  skip: skip || noPython,
}, async (t) => {
  const box = sandbox(t);
  // Node closes what it inherits up to 15, and then as far as numbers follow on each other.
  const script = `
    import { sandbox } from ${JSON.stringify(join(import.meta.dirname, 'fixture.ts'))};
    import { test } from 'node:test';
    test('inner', async (t) => {
      const { stdout } = await sandbox(t).run('readlink /proc/$$/fd/40 /proc/$$/fd/41');
      console.log('RESULT ' + JSON.stringify(stdout));
    });`;
  const file = join(box.home, 'inner.test.ts');
  writeFileSync(file, script);
  const { stdout } = spawnSync(
    'python3',
    [
      '-c',
      'import os, sys; os.dup2(os.open("/", 0), 40); os.dup2(os.open(sys.argv[2], 0), 41); os.execv(sys.argv[1], sys.argv[1:])',
      ...[process.execPath, file],
    ],
    { encoding: 'utf8' },
  );
  assert.match(stdout, new RegExp(`RESULT "/dev/null\\\\n${file}"`));
});

test('a sandbox that cannot be made is an error, not an exit status', { skip }, async (t) => {
  const box = sandbox(t);
  const plan = makePlan(box.facts(), { openings: noOpenings });
  const launched = launch({
    plan: { ...plan, bwrap: [...plan.bwrap, '--ro-bind', '/nowhere-at-all', '/mnt'] },
    cgroup: box.cgroup.path,
    seccomp: new Uint8Array(0),
    command: ['true'],
    stdio: 'pipe',
  });
  await assert.rejects(launched.exit, { code: 'TW_RUN_SANDBOX' });
  assert.equal(await launched.signal('SIGTERM'), false);
});

test('a cgroup that is gone stops the start', { skip }, async (t) => {
  const box = sandbox(t);
  const plan = makePlan(box.facts(), { openings: noOpenings });
  const launched = launch({
    plan,
    cgroup: `${box.cgroup.path}/nothing`,
    seccomp: new Uint8Array(0),
    command: ['touch', join(box.cwd, 'ran')],
    stdio: 'pipe',
  });
  await assert.rejects(launched.exit, { code: 'TW_RUN_SANDBOX' });
  assert.throws(() => readFileSync(join(box.cwd, 'ran')), { code: 'ENOENT' });
});

test('the kill of the whole cgroup is told as 137', { skip }, async (t) => {
  const box = sandbox(t);
  const launched = box.start(['sleep', '60'], { onStarted: () => void killAll(box.cgroup.path) });
  assert.equal((await launched.exit).code, 137);
});

test('the command is found among processes of nested PID namespaces', { skip }, async (t) => {
  const box = sandbox(t);
  mkdirSync(join(box.cwd, 'x'));
  let first = 0;
  const launched = box.start(['sh', '-c', 'sleep 60 & echo up; exec sleep 61'], {
    onStarted: (pid) => {
      first = pid;
    },
  });
  await new Promise((resolve) => launched.child.stdout?.once('data', resolve));
  const pid = commandPid({ cgroup: box.cgroup.path, init: first });
  assert.ok(pid !== undefined);
  await launched.signal('SIGKILL');
  assert.equal((await launched.exit).code, 137);
});

function lineReader(stream: NodeJS.ReadableStream | null) {
  let rest = '';
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  stream?.on('data', (chunk) => {
    rest += chunk;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      const first = waiting.shift();
      if (first === undefined) lines.push(line);
      else first(line);
    }
  });
  return {
    next: () =>
      new Promise<string>((resolve) => {
        const line = lines.shift();
        if (line === undefined) waiting.push(resolve);
        else resolve(line);
      }),
  };
}
