/** Signals and terminals: each signal reaches the command once, and a terminal is a terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow, hasProgram, policyText, sharedStage, skip, TORWACHT, until } from './stage.ts';

const stage = sharedStage('signals', async () => undefined);
const policy = { allow: [{ fqdn: ['good.example.test'] }] };
const noScript = skip || (hasProgram('script') ? false : 'needs script (util-linux)');

/** Says each signal that comes; ends with 9 on USR1. Bounded, should nothing end it. */
const counting =
  'for s in INT TERM HUP QUIT USR2; do trap "echo got $s" $s; done; ' +
  'trap "echo got USR1; exit 9" USR1; echo UP; n=0; ' +
  'while [ $n -lt 3000 ]; do sleep 0.01; n=$((n+1)); done';

const count = (text: string, word: string) => text.split(word).length - 1;

test('a signal to torwacht reaches the command once', { skip }, async () => {
  const run = stage().start({ policy, command: ['bash', '-c', counting] });
  await until(() => run.stdout().includes('UP'), 'the command');
  for (const name of ['INT', 'TERM', 'HUP', 'QUIT', 'USR2'] as const) {
    run.child.kill(`SIG${name}`);
    await until(() => run.stdout().includes(`got ${name}`), name);
  }
  run.child.kill('SIGUSR1');
  assert.equal(await run.ended, 9);
  for (const name of ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2']) {
    assert.equal(count(run.stdout(), `got ${name}\n`), 1, name);
  }
});

/** A pseudo-terminal around torwacht; what is typed comes through a pipe. */
function inTerminal(command: string) {
  const file = stage().policy(policyText(policy));
  // A shell that stays would take the Ctrl-C too.
  const quoted = `exec ${TORWACHT} run --policy ${file} -- bash -c '${command}'`;
  const child = stage().lab.spawn('host', 'script', ['-qefc', quoted, '/dev/null'], {
    cwd: stage().work,
    env: { HOME: stage().home, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return { ...follow(child), type: (text: string) => child.stdin?.write(text) };
}

test('a terminal: the command has one, with its size', { skip: noScript }, async () => {
  const run = inTerminal('test -t 0 && test -t 1 && test -t 2 && echo TERMINAL; stty size');
  assert.equal(await run.ended, 0, run.stdout());
  assert.match(run.stdout(), /TERMINAL\r\n\d+ \d+\r\n/);
});

test('a terminal: Ctrl-C reaches the command once, and its exit status is ours', {
  skip: noScript,
}, async () => {
  const script = 'trap "echo got INT" INT; echo UP; read -r line; echo "line=$line"; exit 7';
  const run = inTerminal(script);
  await until(() => run.stdout().includes('UP'), 'the command');
  run.type('\x03');
  await until(() => run.stdout().includes('got INT'), 'the signal');
  run.type('typed\n');
  assert.equal(await run.ended, 7, run.stdout());
  assert.equal(count(run.stdout(), 'got INT'), 1, run.stdout());
  assert.match(run.stdout(), /line=typed/);
});
