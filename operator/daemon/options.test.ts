import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('without anything, what a pod of ours needs', () => {
  assert.deepEqual(readOptions([], {}), {
    kubeconfig: undefined,
    namespace: 'torwacht',
    lease: 'torwacht-operator',
    nodeSelector: 'kubernetes.io/os=linux',
    startupTaint: undefined,
    listen: { address: '0.0.0.0', port: 9466 },
    history: undefined,
    intake: { address: '0.0.0.0', port: 9467 },
    answers: { address: '0.0.0.0', port: 9468 },
    reader: 'torwacht-reader',
    service: 'torwacht-operator',
    agent: 'torwacht-agent',
    violations: { perNamespace: 500, keep: 30 * 24 * 3600_000 },
    ca: '',
    logLevel: 'info',
  });
  assert.equal(readOptions(['--help'], {}), 'help');
});

test('flags win over variables', () => {
  const env = { TORWACHT_NAMESPACE: 'a', TORWACHT_LEASE: 'b', TORWACHT_LISTEN: '[::1]:0' };
  const options = readOptions(['--namespace', 'c', '--node-selector', 'ci=true'], env);
  assert.ok(options !== 'help');
  assert.deepEqual(
    [options.namespace, options.lease, options.listen, options.nodeSelector],
    ['c', 'b', { address: '::1', port: 0 }, 'ci=true'],
  );
});

test('a history has a place and bounds', () => {
  const options = readOptions(['--history-days', '7'], { TORWACHT_HISTORY: 'postgres://a@b/c' });
  assert.ok(options !== 'help');
  const bounds = { age: 7 * 86_400_000, rows: 500_000 };
  assert.deepEqual(options.history, { place: 'postgres://a@b/c', bounds });
});

test('a startup taint is by its key; an empty one is none', () => {
  const key = 'torwacht.io/agent-not-ready';
  for (const [text, wanted] of [
    [key, key],
    ['', undefined],
  ] as const) {
    const options = readOptions([], { TORWACHT_STARTUP_TAINT: text });
    assert.ok(options !== 'help');
    assert.equal(options.startupTaint, wanted);
  }
});

test('rows of agents may be taken nowhere', () => {
  const options = readOptions([], { TORWACHT_INTAKE: 'off' });
  assert.ok(options !== 'help');
  assert.equal(options.intake, undefined);
});

const wrong: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--nope'], /arguments: /],
  [['--listen', '9466'], /--listen: 9466 is no address:port/],
  [['--listen', '::1:99999'], /no address:port/],
  [['--history-days', '0'], /--history-days: 0 is no number/],
  [['--history-flows', 'many'], /--history-flows: many is no number/],
  [['--intake', 'on'], /--intake: on is no address:port/],
  [['--violations', '0'], /--violations: 0 is no number from 1 to 9999/],
  [['--violation-days', '1e3'], /--violation-days: 1e3 is no number/],
  [['--startup-taint', 'not-ready'], /--startup-taint: not-ready is no key of a taint/],
  [['--log-level', 'loud'], /--log-level: it is one of/],
];
for (const [args, message] of wrong) {
  test(`${args.join(' ')} is refused`, () => {
    assert.throws(() => readOptions(args, {}), { code: 'TW_OPERATOR_OPTION', message });
  });
}
