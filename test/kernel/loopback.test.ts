/** Loopback in a shared network namespace: the target's own sockets, nobody's, and someone else's. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { link } from '../lab/addresses.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

let world: World;
let inside: Probe;
let other: Probe;
let outside: Probe;

before(async () => {
  if (skip) return;
  world = await createWorld({});
  inside = await world.probe('inside');
  other = await world.probe('inside');
  outside = await world.probe('outside');
});
after(() => world?.close());

/** A listening or bound socket; its port. */
async function serve(probe: Probe, kind: string, address: string): Promise<number> {
  const fd = await probe.ask('socket', kind);
  assert.equal(await probe.ask('bind', fd, address, 0), '0');
  if (kind.startsWith('tcp')) assert.equal(await probe.ask('listen', fd), '0');
  return Number((await probe.ask('own', fd)).split(':').at(-1));
}

/** A port at which nobody listens. */
async function freePort(kind: string, address: string): Promise<number> {
  const fd = await outside.ask('socket', kind);
  await outside.ask('bind', fd, address, 0);
  const port = Number((await outside.ask('own', fd)).split(':').at(-1));
  await outside.ask('close', fd);
  return port;
}

for (const [four, six, address] of [
  ['tcp', 'udp', '127.0.0.1'],
  ['tcp', 'udp', '127.9.9.9'],
  ['tcp6', 'udp6', '::1'],
  ['tcp', 'udp', link.host.v4],
] as const) {
  test(`another process of the target is reached at ${address}`, { skip }, async () => {
    const port = await serve(other, four, address);
    assert.equal(await inside.connect(four, address, port), '0');
    assert.equal(await inside.datagram(address, await serve(other, six, address), six), '6');
  });

  test(`a service that is not the target's is refused at ${address}`, { skip }, async () => {
    const port = await serve(outside, four, address);
    assert.equal(await inside.connect(four, address, port), 'EPERM');
    assert.equal(await outside.connect(four, address, port), '0');
    const datagrams = await serve(outside, six, address);
    assert.equal(await inside.datagram(address, datagrams, six), 'EPERM');
    assert.equal(await outside.datagram(address, datagrams, six), '6');
  });
}

test('where nobody listens, the connection is refused and not forbidden', { skip }, async () => {
  assert.equal(
    await inside.connect('tcp', '127.0.0.1', await freePort('tcp', '127.0.0.1')),
    'ECONNREFUSED',
  );
  assert.equal(await inside.connect('tcp6', '::1', await freePort('tcp6', '::1')), 'ECONNREFUSED');
});

test('an unset address is this host', { skip }, async () => {
  const port = await serve(outside, 'tcp', '127.0.0.1');
  assert.equal(await inside.connect('tcp', '0.0.0.0', port), 'EPERM');
  assert.equal(await outside.connect('tcp', '0.0.0.0', port), '0');
  const own = await serve(other, 'tcp', '127.0.0.1');
  assert.equal(await inside.connect('tcp', '0.0.0.0', own), '0');
});

test('a foreign service has its own reason in the row', { skip }, async () => {
  const port = await serve(outside, 'tcp', '127.0.0.1');
  assert.equal(await inside.connect('tcp', '127.0.0.1', port), 'EPERM');
  const rows = (await world.holder.rows()).filter((row) => row.port === port);
  assert.deepEqual(
    rows.map(({ ip, reason, action, pid }) => ({ ip, reason, action, pid })),
    [{ ip: '127.0.0.1', reason: 'local-service', action: 'block', pid: inside.pid }],
  );
});

test('a rule for 127.0.0.1 opens a foreign service, and only its port', { skip }, async () => {
  const open = await serve(outside, 'tcp', '127.0.0.1');
  const shut = await serve(outside, 'tcp', '127.0.0.1');
  await world.holder.setRules({ prefixes: { '127.0.0.1/32': [String(open)] } });
  assert.equal(await inside.connect('tcp', '127.0.0.1', open), '0');
  assert.equal(await inside.connect('tcp', '127.0.0.1', shut), 'EPERM');
  await world.holder.setRules({});
  assert.equal(await inside.connect('tcp', '127.0.0.1', open), 'EPERM');
});

test('replies to someone outside are egress: a listener of the target answers only its own', {
  skip,
}, async () => {
  const port = await serve(other, 'tcp', '127.0.0.1');
  assert.equal(await inside.connect('tcp', '127.0.0.1', port), '0');
  assert.equal(
    await outside.briefly(() => outside.connect('tcp', '127.0.0.1', port)),
    'EINPROGRESS',
  );
});

test('a datagram to a foreign socket is refused on a socket that sent to an own one', {
  skip,
}, async () => {
  const own = await serve(other, 'udp', '127.0.0.1');
  const foreign = await serve(outside, 'udp', '127.0.0.1');
  const fd = await inside.ask('socket', 'udp');
  assert.equal(await inside.ask('sendto', fd, '127.0.0.1', own, hex('a')), '1');
  assert.equal(await inside.ask('sendto', fd, '127.0.0.1', foreign, hex('a')), 'EPERM');
  assert.equal(await inside.ask('connect', fd, '127.0.0.1', own), '0');
  assert.equal(await inside.ask('send', fd, hex('a')), '1');
});
