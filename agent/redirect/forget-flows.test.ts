/** Flows that connection tracking knew before the redirect was there. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { native } from '#bpf/native.ts';
import { testNamespace } from './testing/namespace.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const TRACKING =
  'table inet tracking { chain out { type filter hook output priority 0; ct state new accept; }; }';

test('flows to port 53 are forgotten, others are not; none at all is fine', { skip }, async (t) => {
  const { path, run } = await testNamespace(t);
  assert.equal(await native().forgetFlows(path, 53), 0);
  run('nft', ['-f', '-'], TRACKING);
  assert.equal(await native().forgetFlows(path, 53), 0);
  const { fd } = native().openSocket('udp', '127.0.0.1', 0, 0, path);
  const socket = createSocket('udp4').on('error', () => undefined);
  t.after(() => socket.close());
  await new Promise<void>((bound) => socket.bind({ fd, exclusive: true }, bound));
  for (const port of [53, 54, 53]) {
    await new Promise((sent) => socket.send('query', port, '127.0.0.1', sent));
  }
  assert.equal(await native().forgetFlows(path, 53), 1);
  assert.equal(await native().forgetFlows(path, 53), 0);
  assert.equal(await native().forgetFlows(path, 54), 1);
});
