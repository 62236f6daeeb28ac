import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('flags win over the environment, which wins over what is usual', () => {
  assert.deepEqual(readOptions([], {}), {
    bundle: '/etc/torwacht/bundle',
    containerd: '/run/containerd/containerd.sock',
    upstreams: [],
    listen: { address: '127.0.0.1', port: 9465 },
    maps: 'maps',
    logLevel: 'info',
  });
  const env = {
    TORWACHT_BUNDLE: '/b',
    TORWACHT_CONTAINERD: '/c',
    TORWACHT_UPSTREAMS: '192.0.2.1, 192.0.2.2:5353',
    TORWACHT_LISTEN: '[::1]:1',
    TORWACHT_MAPS: 'other',
    TORWACHT_LOG_LEVEL: 'debug',
  };
  assert.deepEqual(readOptions([], env), {
    bundle: '/b',
    containerd: '/c',
    upstreams: ['192.0.2.1', '192.0.2.2:5353'],
    listen: { address: '::1', port: 1 },
    maps: 'other',
    logLevel: 'debug',
  });
  const args = ['--bundle', '/x', '--upstream', '192.0.2.3', '--listen', '0.0.0.0:2'];
  const both = readOptions([...args, '--maps', 'mine', '--log-level', 'warn'], env);
  assert.notEqual(both, 'help');
  assert.deepEqual(both, {
    bundle: '/x',
    containerd: '/c',
    upstreams: ['192.0.2.3'],
    listen: { address: '0.0.0.0', port: 2 },
    maps: 'mine',
    logLevel: 'warn',
  });
  assert.equal(readOptions(['--help'], env), 'help');
});

test('what cannot be understood is an error that names it', () => {
  for (const [args, what] of [
    [['--budle', '/x'], /--budle/],
    [['extra'], /extra/],
    [['--listen', '9465'], /9465 is no address:port/],
    [['--listen', '127.0.0.1:http'], /no address:port/],
    [['--log-level', 'loud'], /one of fatal/],
  ] as const) {
    assert.throws(() => readOptions(args, {}), { code: 'TW_AGENT_OPTION', message: what });
  }
});

test('the folder of maps is one below that of all pins, and not the one of links', () => {
  for (const name of ['', '..', 'a/b', 'pods']) {
    assert.throws(() => readOptions(['--maps', name], {}), { code: 'TW_AGENT_OPTION' });
  }
});
