/** Signals as they come from a real terminal, and from a pipe-like parent without one. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { sandbox, skip as unable } from './fixture.ts';

const python = spawnSync('python3', ['-c', 'import pty'], { stdio: 'ignore' }).status === 0;
const skip = unable || (python ? false : 'needs python3');

/**
 * A program that starts a command in a sandbox with our own stdio and forwards signals: what
 * `torwacht run` does around the engine. It prints `EXIT <code>`.
 */
function runner(t: TestContext): string {
  const box = sandbox(t);
  const from = (name: string) => JSON.stringify(join(import.meta.dirname, name));
  const file = join(box.home, 'runner.ts');
  writeFileSync(
    file,
    `
    import { forwardSignals } from ${from('forward.ts')};
    import { launch } from ${from('launch.ts')};
    import { readFacts } from ${from('facts.ts')};
    import { makePlan } from ${from('plan.ts')};
    import { noOpenings } from ${from('openings.ts')};
    import { buildFilter } from ${from('fixture.ts')};
    const user = { uid: 0, gid: 0, groups: [0], home: ${JSON.stringify(box.home)} };
    const plan = makePlan(readFacts({ user, cwd: ${JSON.stringify(box.cwd)}, env: process.env }), { openings: noOpenings });
    const launched = launch({ plan, cgroup: ${JSON.stringify(box.cgroup.path)}, seccomp: buildFilter(plan.seccomp),
      command: ['sh', '-c', process.argv[2]] });
    const stop = forwardSignals(process, (name) => void launched.signal(name));
    const { code } = await launched.exit;
    stop();
    console.log('EXIT ' + code);
    `,
  );
  return file;
}

/** Counts each signal; ends with 9 when USR1 comes. */
const counting =
  'for s in INT TERM HUP QUIT USR2; do trap "echo got $s" $s; done; ' +
  'trap "exit 9" USR1; echo UP; while :; do sleep 0.01; done';

/**
 * A pseudo-terminal around the program. Steps: wait for a text, then write bytes to the terminal, or
 * send a signal to the program alone. Gives back all that was shown.
 */
const terminal = `
import json, os, pty, re, signal, sys, time
argv, steps = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
seen, at, limit = b"", 0, time.monotonic() + 20
def read_until(text):
    global seen, at
    while seen.find(text, at) < 0:
        if time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL); break
        try:
            data = os.read(fd, 4096)
        except OSError:
            return
        if not data:
            return
        seen += data
    at = max(at, seen.find(text, at) + len(text))
for step in steps:
    read_until(step["wait"].encode())
    if "write" in step:
        os.write(fd, step["write"].encode("latin1"))
    if "kill" in step:
        os.kill(pid, step["kill"])
read_until(b"EXIT ")
read_until(b"\\n")
os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
`;

async function inTerminal(file: string, script: string, steps: readonly object[]): Promise<string> {
  const argv = JSON.stringify([process.execPath, file, script]);
  const child = spawn('python3', ['-c', terminal, argv, JSON.stringify(steps)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  return out;
}

function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

test('Ctrl-C and Ctrl-\\ on a terminal reach the command exactly once', { skip }, async (t) => {
  const shown = await inTerminal(runner(t), counting, [
    { wait: 'UP', write: '\x03' },
    { wait: 'got INT', write: '\x1c' },
    { wait: 'got QUIT', kill: 12 },
    { wait: 'got USR2', kill: 15 },
    { wait: 'got TERM', kill: 10 },
  ]);
  assert.equal(count(shown, 'got INT'), 1);
  assert.equal(count(shown, 'got QUIT'), 1);
  assert.equal(count(shown, 'got TERM'), 1);
  assert.match(shown, /EXIT 9/);
});

test('the command that Ctrl-C ends is told as 130', { skip }, async (t) => {
  const shown = await inTerminal(runner(t), 'echo UP; exec sleep 60', [
    { wait: 'UP', write: '\x03' },
  ]);
  assert.match(shown, /EXIT 130/);
});

test('the command has the terminal', { skip }, async (t) => {
  const shown = await inTerminal(
    runner(t),
    'test -t 0 && test -t 1 && stty size >/dev/null && echo terminal > /dev/tty; exit 4',
    [],
  );
  assert.match(shown, /terminal\r?\n/);
  assert.match(shown, /EXIT 4/);
});

test('a command cannot type into the terminal', { skip }, async (t) => {
  const shown = await inTerminal(
    runner(t),
    `python3 -c "
import fcntl, termios
try:
    fcntl.ioctl(0, termios.TIOCSTI, b'x'); print('typed')
except OSError as e:
    print('refused', e.errno)
"`,
    [],
  );
  assert.match(shown, /refused 1\b/);
});

test('without a terminal every signal is passed on once', { skip }, async (t) => {
  // Detached: a session of its own, which has no terminal.
  const child = spawn(process.execPath, [runner(t), counting], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let shown = '';
  const waitFor = async (text: string) => {
    while (!shown.includes(text)) {
      await new Promise((resolve) => child.stdout.once('data', resolve));
    }
  };
  child.stdout.on('data', (chunk) => {
    shown += chunk;
  });
  t.after(() => child.kill('SIGKILL'));
  await waitFor('UP');
  for (const name of ['INT', 'TERM', 'HUP', 'QUIT', 'USR2'] as const) {
    child.kill(`SIG${name}`);
    await waitFor(`got ${name}`);
  }
  child.kill('SIGUSR1');
  await waitFor('EXIT 9');
  for (const name of ['INT', 'TERM', 'HUP', 'QUIT', 'USR2'])
    assert.equal(count(shown, `got ${name}`), 1);
});
