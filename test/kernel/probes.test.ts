/** The barrier's two addresses: each hook refuses its own, in every mode, whatever rules and answers say. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const OF_ADDRESSES = '192.0.2.252';
const OF_PACKETS = '192.0.2.253';
const NEIGHBOURS = ['192.0.2.251', '192.0.2.254'] as const;
const NAME = 'owned.example.test';
const prefixes = { '192.0.2.0/24': ['1-65535', '1-65535/UDP'] };
const names = { [NAME]: ['1-65535', '1-65535/UDP'] };

let world: World;
let inside: Probe;
let outside: Probe;

before(async () => {
  if (skip) return;
  world = await createWorld({ prefixes, names });
  for (const address of [OF_ADDRESSES, OF_PACKETS, ...NEIGHBOURS]) world.lab.addAddress(address);
  inside = await world.probe('inside');
  outside = await world.probe('outside');
});
after(() => world?.close());

/** A new UDP socket, connected, and a datagram by it: what each of the two calls gave. */
async function story(probe: Probe, address: string, kind = 'udp'): Promise<string> {
  const fd = await probe.ask('socket', kind);
  const connected = await probe.ask('connect', fd, address, 9);
  return `${connected} ${await probe.ask('send', fd, hex('probe'))}`;
}

const arrived = () => world.lab.packetsTo(OF_ADDRESSES) + world.lab.packetsTo(OF_PACKETS);

test('control: outside of the target datagrams reach both addresses', { skip }, async () => {
  for (const address of [OF_ADDRESSES, OF_PACKETS]) {
    assert.equal(await story(outside, address), '0 5');
    assert.ok(world.lab.packetsTo(address) > 0, address);
  }
});

for (const mode of ['Block', 'Observe'] as const) {
  test(`${mode}: one is refused at connect, the other at send, and nothing makes a row`, {
    skip,
  }, async () => {
    const { holder } = world;
    await holder.setRules({ prefixes, names, observe: mode === 'Observe' });
    // The owner of an allowed name may say what it likes.
    await holder.learn(NAME, 60, [OF_ADDRESSES, OF_PACKETS]);
    const before = arrived();
    const refused = (await holder.counters()).probes_refused;
    for (const mapped of ['', '::ffff:']) {
      const kind = mapped === '' ? 'udp' : 'udp6';
      const first = await inside.ask('socket', kind);
      assert.equal(await inside.ask('connect', first, mapped + OF_ADDRESSES, 9), 'EPERM');
      assert.equal(await inside.datagram(mapped + OF_ADDRESSES, 9, kind), 'EPERM');
      assert.equal(await story(inside, mapped + OF_PACKETS, kind), '0 EPERM');
      assert.equal(await inside.datagram(mapped + OF_PACKETS, 9, kind), 'EPERM');
    }
    // Behind a good one the packet hook has shorter ways to say yes.
    const used = await inside.ask('socket', 'udp');
    assert.equal(await inside.ask('sendto', used, NEIGHBOURS[0], 9, hex('probe')), '5');
    for (const address of [OF_PACKETS, OF_ADDRESSES]) {
      assert.equal(await inside.ask('sendto', used, address, 9, hex('probe')), 'EPERM');
    }
    assert.equal((await holder.counters()).probes_refused - refused, 10);
    for (const address of [OF_ADDRESSES, OF_PACKETS]) {
      assert.equal(
        await inside.connect('tcp', address, 443),
        'EPERM',
        'TCP ends at the address hook',
      );
    }
    const refusals = (await holder.rows()).filter((row) => row.action !== 'allow');
    assert.deepEqual(refusals, []);
    assert.deepEqual(await holder.overflow(), { refused: 0, allowed: 0 });
    assert.equal(arrived(), before, 'not one packet');
  });
}

test('neighbours are addresses like any other', { skip }, async () => {
  for (const address of NEIGHBOURS) {
    const before = world.lab.packetsTo(address, 9);
    assert.equal(await story(inside, address), '0 5');
    assert.equal(world.lab.packetsTo(address, 9), before + 1);
  }
});

test('a socket of the target’s own on that port changes nothing', { skip }, async () => {
  const before = arrived();
  const listener = await inside.ask('socket', 'udp');
  assert.equal(await inside.ask('bind', listener, '0.0.0.0', 9), '0');
  assert.match(await story(inside, OF_ADDRESSES), /EPERM$/);
  assert.match(await story(inside, OF_PACKETS), /EPERM$/);
  assert.equal(arrived(), before);
});
