import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('flags win over the environment, which wins over what is usual', () => {
  assert.deepEqual(readOptions([], {}), {
    bundle: '/etc/torwacht/bundle',
    node: '',
    keep: '/var/lib/torwacht',
    containerd: '/run/containerd/containerd.sock',
    upstreams: [],
    listen: { address: '127.0.0.1', port: 9465 },
    maps: 'maps',
    state: '',
    instance: '',
    logLevel: 'info',
    outputs: [{ kind: 'stdout', name: 'stdout' }],
    spool: '',
    spoolBound: 64 * 1024 * 1024,
    ca: '',
  });
  const env = {
    TORWACHT_BUNDLE: '/b',
    TORWACHT_NODE: 'node-1',
    TORWACHT_KEEP: '/k',
    TORWACHT_CONTAINERD: '/c',
    TORWACHT_UPSTREAMS: '192.0.2.1, 192.0.2.2:5353',
    TORWACHT_LISTEN: '[::1]:1',
    TORWACHT_MAPS: 'other',
    TORWACHT_STATE: '/s',
    TORWACHT_INSTANCE: 'pod-1',
    TORWACHT_LOG_LEVEL: 'debug',
    TORWACHT_OUTPUTS: 'stdout otlp:http://127.0.0.1:4318',
    TORWACHT_SPOOL: '/d',
    TORWACHT_SPOOL_SIZE: '2',
    TORWACHT_CA: '/ca.crt',
  };
  assert.deepEqual(readOptions([], env), {
    bundle: '/b',
    node: 'node-1',
    keep: '/k',
    containerd: '/c',
    upstreams: ['192.0.2.1', '192.0.2.2:5353'],
    listen: { address: '::1', port: 1 },
    maps: 'other',
    state: '/s',
    instance: 'pod-1',
    logLevel: 'debug',
    outputs: [
      { kind: 'stdout', name: 'stdout' },
      { kind: 'otlp', name: 'otlp', url: new URL('http://127.0.0.1:4318') },
    ],
    spool: '/d',
    spoolBound: 2 * 1024 * 1024,
    ca: '/ca.crt',
  });
  const args = ['--bundle', '/x', '--upstream', '192.0.2.3', '--listen', '0.0.0.0:2'];
  const both = readOptions(
    [
      ...[...args, '--node', 'node-2', '--keep', '/k2', '--maps', 'mine', '--log-level', 'warn'],
      ...['--ca', '/other.crt'],
    ],
    env,
  );
  assert.notEqual(both, 'help');
  assert.deepEqual(both, {
    bundle: '/x',
    node: 'node-2',
    keep: '/k2',
    containerd: '/c',
    upstreams: ['192.0.2.3'],
    listen: { address: '0.0.0.0', port: 2 },
    maps: 'mine',
    state: '/s',
    instance: 'pod-1',
    logLevel: 'warn',
    outputs: [
      { kind: 'stdout', name: 'stdout' },
      { kind: 'otlp', name: 'otlp', url: new URL('http://127.0.0.1:4318') },
    ],
    spool: '/d',
    spoolBound: 2 * 1024 * 1024,
    ca: '/other.crt',
  });
  const flags = readOptions(['--output', 'stdout,name=a', '--output', 'stdout,name=b'], env);
  assert.ok(flags !== 'help');
  assert.deepEqual(
    flags.outputs.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(readOptions(['--help'], env), 'help');
});

test('what cannot be understood is an error that names it', () => {
  for (const [args, what] of [
    [['--budle', '/x'], /--budle/],
    [['extra'], /extra/],
    [['--listen', '9465'], /9465 is no address:port/],
    [['--listen', '127.0.0.1:http'], /no address:port/],
    [['--log-level', 'loud'], /one of fatal/],
    [['--spool-size', '0'], /0 is no number of MiB/],
  ] as const) {
    assert.throws(() => readOptions(args, {}), { code: 'TW_AGENT_OPTION', message: what });
  }
});

test('the folder of maps is one below that of all pins, and not the one of links', () => {
  for (const name of ['', '..', 'a/b', 'pods']) {
    assert.throws(() => readOptions(['--maps', name], {}), { code: 'TW_AGENT_OPTION' });
  }
});
