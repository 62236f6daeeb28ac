/** Connections and datagrams of a target that is held: what gets through, what is refused, and how. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const GOOD = '192.0.2.20';
const ALSO_GOOD = '192.0.2.21';
const BAD = '198.51.100.7';
const BAD6 = '2001:db8:1::7';
const METADATA = '169.254.169.254';
const mapped = (address: string) => `::ffff:${address}`;

let world: World;
let inside: Probe;
let outside: Probe;

before(async () => {
  if (skip) return;
  world = await createWorld({ prefixes: { '192.0.2.20/31': ['8000', '8000/UDP'] } });
  await world.lab.sink(
    [GOOD, BAD, BAD6, METADATA].flatMap((address) =>
      (['tcp', 'udp'] as const).map((kind) => ({ kind, address, port: 8000 })),
    ),
  );
  inside = await world.probe('inside');
  outside = await world.probe('outside');
});
after(() => world?.close());

test('a rule lets TCP and UDP through, as IPv4 and as IPv4 in IPv6', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8000), '0');
  assert.equal(await inside.connect('tcp6', mapped(GOOD), 8000), '0');
  assert.equal(await inside.datagram(GOOD, 8000), '6');
  assert.equal(await inside.datagram(mapped(GOOD), 8000), '6');
  assert.ok(world.lab.packetsTo(GOOD, 8000) >= 4);
});

/** Each is refused inside, before a packet is made, and gets through outside. */
const refused: readonly (readonly [what: string, kind: string, address: string, port: number])[] = [
  ['TCP to an address without a rule', 'tcp', BAD, 8000],
  ['TCP to an address without a rule, IPv4 in IPv6', 'tcp6', mapped(BAD), 8000],
  ['TCP by IPv6', 'tcp6', BAD6, 8000],
  ['UDP to an address without a rule', 'udp', BAD, 8000],
  ['UDP to an address without a rule, IPv4 in IPv6', 'udp6', mapped(BAD), 8000],
  ['UDP by IPv6', 'udp6', BAD6, 8000],
  ['TCP to the metadata service', 'tcp', METADATA, 8000],
  ['UDP to the metadata service', 'udp', METADATA, 8000],
];
for (const [what, kind, address, port] of refused) {
  test(`${what} is refused with EPERM`, { skip }, async () => {
    const attempt = (probe: Probe) =>
      kind.startsWith('udp')
        ? probe.datagram(address, port, kind)
        : probe.connect(kind, address, port);
    const wire = address.replace('::ffff:', '');
    const before = world.lab.packetsTo(wire);
    assert.equal(await attempt(inside), 'EPERM');
    assert.equal(world.lab.packetsTo(wire), before);
    assert.match(await attempt(outside), /^[06]$/);
    assert.ok(world.lab.packetsTo(wire) > before);
  });
}

test('a port that the rule does not name is refused', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8001), 'EPERM');
  assert.equal(await outside.connect('tcp', GOOD, 8001), 'ECONNREFUSED');
});

test('a connected UDP socket is refused, and so is one message after good ones', {
  skip,
}, async () => {
  const fd = await inside.ask('socket', 'udp');
  assert.equal(await inside.ask('connect', fd, BAD, 8000), 'EPERM');
  assert.equal(await inside.ask('connect', fd, GOOD, 8000), '0');
  assert.equal(await inside.ask('send', fd, hex('good')), '4');
  assert.equal(await inside.ask('sendto', fd, BAD, 8000, hex('bad')), 'EPERM');
  assert.equal(await inside.ask('send', fd, hex('good')), '4');
});

test('sendmmsg sends up to the first message that is refused', { skip }, async () => {
  const before = world.lab.packetsTo(BAD);
  const send = async (probe: Probe) =>
    probe.ask('sendmmsg', await probe.ask('socket', 'udp'), 8000, GOOD, GOOD, BAD, GOOD);
  assert.equal(await send(inside), '2');
  assert.equal(world.lab.packetsTo(BAD), before);
  assert.equal(await send(outside), '4');
  assert.equal(world.lab.packetsTo(BAD), before + 1);
});

/** An IPv4 header with a UDP or ICMP message, as a raw socket sends it. */
function rawPacket(protocol: number, destination: string, payload: string): string {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  header.set(destination.split('.').map(Number), 16);
  return header.toString('hex') + payload;
}
const UDP_8000 = '1f401f40000c0000deadbeef';
const SYN_8000 = '1f401f4000000001000000005002ffff00000000';
const ECHO = '0800f7ff00000000';

/** Each has an address of its own: the end of another test's connection may still be on its way. */
for (const [what, kind, payload, protocol, address] of [
  [
    'a UDP packet of a raw socket',
    'raw',
    rawPacket(17, '198.51.100.81', UDP_8000),
    17,
    '198.51.100.81',
  ],
  [
    'a TCP packet of a raw socket',
    'raw',
    rawPacket(6, '198.51.100.82', SYN_8000),
    6,
    '198.51.100.82',
  ],
  ['ICMP', 'icmp', ECHO, 1, '198.51.100.83'],
  ['ICMP to an address that a rule allows', 'icmp', ECHO, 1, ALSO_GOOD],
  ['a protocol that no rule can name', 'raw', rawPacket(47, ALSO_GOOD, 'deadbeef'), 47, ALSO_GOOD],
] as const) {
  test(`${what} is refused with EPERM, and the process is named`, { skip }, async () => {
    world.lab.addAddress(address);
    const attempt = async (probe: Probe) =>
      probe.ask('sendto', await probe.ask('socket', kind), address, 0, payload);
    const before = world.lab.packetsTo(address);
    assert.equal(await attempt(inside), 'EPERM');
    assert.equal(world.lab.packetsTo(address), before);
    assert.equal(await attempt(outside), String(payload.length / 2));
    const name =
      ({ 1: 'icmp', 6: 'tcp', 17: 'udp' } as Record<number, string>)[protocol] ?? 'other';
    const rows = (await world.holder.rows()).filter((r) => r.ip === address && r.protocol === name);
    assert.ok(rows.length > 0);
    for (const row of rows) assert.deepEqual([row.pid, row.comm], [inside.pid, 'probe']);
  });
}

test('a rule allows a UDP packet of a raw socket as any other', { skip }, async () => {
  const fd = await inside.ask('socket', 'raw');
  const packet = rawPacket(17, GOOD, UDP_8000);
  assert.equal(await inside.ask('sendto', fd, GOOD, 0, packet), String(packet.length / 2));
});

test('a cgroup that is attached and not known as a target is refused everything', {
  skip,
}, async () => {
  const stranger = await createWorld({ prefixes: { [`${GOOD}/32`]: ['8000'] } });
  try {
    const probe = await stranger.probe('inside');
    const open = await probe.ask('socket', 'tcp');
    await stranger.holder.forget();
    assert.equal(await probe.ask('connect', open, GOOD, 8000), 'EPERM');
    assert.equal(await probe.datagram(GOOD, 8000), 'EPERM');
    assert.ok((await stranger.holder.counters()).unknown_target >= 2);
  } finally {
    await stranger.close();
  }
});
