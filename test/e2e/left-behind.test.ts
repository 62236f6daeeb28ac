/** Processes that the command leaves are ended and named; nothing of a run goes on after it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sharedStage, skip } from './stage.ts';

const stage = sharedStage('left', async () => undefined);
const policy = { allow: [{ fqdn: ['good.example.test'] }] };

/** Each leaves a process that would write a file if it lived on; `up` says that it runs. */
const ways: Record<string, string> = {
  'in the background': '(echo > up; sleep 600; echo > late) &',
  nohup: 'nohup sh -c "echo > up; sleep 600; echo > late" >/dev/null 2>&1 &',
  setsid: 'setsid sh -c "echo > up; sleep 600; echo > late" &',
  'a double fork': '(setsid sh -c "echo > up; sleep 600; echo > late" &) &',
  'deaf to signals': 'setsid sh -c "trap : TERM INT HUP; echo > up; sleep 600; echo > late" &',
  stopped: 'sh -c "echo > up; kill -STOP \\$\\$; sleep 600" &',
};

for (const [how, script] of Object.entries(ways)) {
  test(`left ${how}: ended and named, and the exit status is the command’s`, { skip }, async () => {
    const wait = 'n=0; until [ -e up ] || [ $n -gt 500 ]; do sleep 0.02; n=$((n+1)); done; exit 5';
    const { work } = stage();
    await stage().lab.run('host', 'rm', ['-f', join(work, 'up')]);
    const ended = await stage().run({ policy, command: ['sh', '-c', `${script} ${wait}`] });
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(
      ended.stderr,
      /^torwacht: ended what the command left running: .*(sh|sleep)\[\d+\]/m,
    );
    for (const [, pid] of ended.stderr.matchAll(/(?:sh|sleep)\[(\d+)\]/g)) {
      assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} has ended`);
    }
    assert.ok(!existsSync(join(work, 'late')));
  });
}

test('a fork that never stops is ended too', { skip }, async () => {
  const script =
    'f() { [ $1 -gt 0 ] && { f $(($1 - 1)) & sleep 600; }; }; (setsid sh -c "$(declare -f f); f 40" &); sleep 0.3; exit 0';
  const ended = await stage().run({
    policy,
    command: ['bash', '-c', script.replace('sh -c', 'bash -c')],
  });
  assert.equal(ended.code, 0);
  assert.match(ended.stderr, /ended what the command left running/);
});

test('a command that leaves nothing is told nothing', { skip }, async () => {
  const ended = await stage().run({
    policy,
    command: ['sh', '-c', 'sleep 0.05 & wait; sh -c true'],
  });
  assert.deepEqual(ended, { code: 0, stdout: '', stderr: '' });
});
