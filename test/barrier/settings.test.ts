/** Flags and variables, in a network namespace where nothing can be sent, under the sanitizers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { build, type Program } from '../../barrier/testing/build.ts';
import { BARRIER, type Said, saidBy, skip } from './run.ts';

let program: Program;
before(() => {
  if (!skip) program = build(['*.c']);
});
after(() => program?.remove());

function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { exit: number | null; said: Said } {
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', program.path, ...args], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', ...env },
  });
  return { exit: status, said: saidBy({ code: status, stdout, stderr }) };
}

const DEADLINE = 'TORWACHT_BARRIER_DEADLINE';
const INTERVAL = 'TORWACHT_BARRIER_INTERVAL';

const sound: readonly (readonly [args: string[], env: NodeJS.ProcessEnv])[] = [
  [['--deadline', '100ms'], {}],
  [['--deadline=100ms', '--interval=1ms'], {}],
  [[], { [DEADLINE]: '100ms', [INTERVAL]: '10s' }],
  // A flag stands before a variable, which is then not read.
  [['--deadline', '100ms'], { [DEADLINE]: 'nonsense' }],
  // The kubelet makes variables of Services' names.
  [['--deadline', '100ms'], { TORWACHT_BARRIER_PORT: 'tcp://192.0.2.1:80' }],
];
for (const [args, env] of sound) {
  test(`sound: ${args.join(' ')} ${JSON.stringify(env)}`, { skip }, () => {
    const { exit, said } = run(args, env);
    assert.deepEqual([exit, said.code], [20, 'TW_BARRIER_NO_ANSWER'], said.message);
    assert.match(said.message, /could not be sent: Network is unreachable/);
    assert.ok(said.waited_ms >= 100);
  });
}

const mistakes: readonly (readonly [args: string[], env: NodeJS.ProcessEnv, message: RegExp])[] = [
  [['--deadline', '20'], {}, /'20' is no duration/],
  [['--deadline', ''], {}, /'' is no duration/],
  [['--deadline='], {}, /'' is no duration/],
  [['--deadline', '-1s'], {}, /'-1s' is no duration/],
  [['--deadline', '1.5s'], {}, /is no duration/],
  [['--deadline', '1s '], {}, /is no duration/],
  [['--deadline', '1h'], {}, /is no duration/],
  [['--deadline', '99999999999999999999s'], {}, /is no duration/],
  [['--deadline', '0s'], {}, /shorter or longer than allowed/],
  [['--deadline', '99ms'], {}, /shorter or longer than allowed/],
  [['--deadline', '61m'], {}, /shorter or longer than allowed/],
  [['--interval', '0ms'], {}, /shorter or longer than allowed/],
  [['--interval', '11s'], {}, /shorter or longer than allowed/],
  [['--deadline'], {}, /'--deadline' needs a value/],
  [['--deadline', '1s', '--deadline', '2s'], {}, /'--deadline' is given twice/],
  [['--dead', '1s'], {}, /'--dead' is no flag/],
  [['--deadlines', '1s'], {}, /is no flag/],
  // Exit 0 would let the job start.
  [['--help'], {}, /is no flag/],
  [['--version'], {}, /is no flag/],
  [['run'], {}, /is no flag/],
  [[''], {}, /'' is no flag/],
  [[], { [DEADLINE]: '' }, /'' is no duration/],
  [[], { [INTERVAL]: 'often' }, /'often' is no duration/],
  [['--"\\\n\xff'], {}, /'--"\\\n/],
  [['x'.repeat(5000)], {}, /'x{64}' is no flag/],
];
for (const [args, env, message] of mistakes) {
  test(`a mistake: ${JSON.stringify(args).slice(0, 60)} ${JSON.stringify(env)}`, { skip }, () => {
    const { exit, said } = run(args, env);
    assert.deepEqual([exit, said.code, said.attempts], [2, 'TW_BARRIER_USAGE', 0]);
    assert.match(said.message, message);
    assert.match(said.hint, /--deadline.*TORWACHT_BARRIER_DEADLINE/);
  });
}

test('no socket can be opened: exit 25', { skip }, () => {
  // Three descriptors are taken; a seccomp profile would refuse otherwise, and look the same.
  const limited = ['-c', 'ulimit -n 3; exec "$@"', 'sh', BARRIER, '--deadline', '100ms'];
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', 'sh', ...limited], {
    encoding: 'utf8',
  });
  const said = saidBy({ code: status, stdout, stderr });
  assert.deepEqual([status, said.code], [25, 'TW_BARRIER_SOCKET'], stderr);
});
