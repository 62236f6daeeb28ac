/** What a policy change, an expiry and Observe do to connections that are open and to new ones. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from '../lab/servers/sink.ts';
import type { Rules } from './rules.ts';
import { whileLearned } from './short-lived.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const NAME = 'good.example.test';
const GOOD = '192.0.2.20';
const OTHER = '192.0.2.21';
const MARKED = '192.0.2.22';
const BAD = '198.51.100.7';
const BAD6 = '2001:db8:1::7';
const METADATA = '169.254.169.254';
const byName: Rules = { names: { [NAME]: ['8000', '8000/UDP'] } };
const byPrefix: Rules = { prefixes: { [`${GOOD}/32`]: ['8000'] } };
const unrelated = { 'other.example.test': ['443'] };
/** Longer than the kernel's first retransmission (200 ms, RFC 6298 as in net/ipv4/tcp.c). */
const RETRANSMISSION = 450;

let world: World;
let sink: Sink;
let inside: Probe;
let texts = 0;

before(async () => {
  if (skip) return;
  world = await createWorld({});
  sink = await world.lab.sink(
    [GOOD, OTHER, MARKED, BAD, BAD6, METADATA].flatMap((address) =>
      (['tcp', 'udp'] as const).map((kind) => ({ kind, address, port: 8000 })),
    ),
  );
  inside = await world.probe('inside');
});
after(() => world?.close());
beforeEach(() => world?.holder.setRules({}));

/** An open connection. */
async function open(address = GOOD, kind = 'tcp'): Promise<string> {
  const fd = await inside.ask('socket', kind);
  assert.equal(await inside.ask('connect', fd, address, 8000), '0');
  return fd;
}

/** Does what is sent now arrive? When it does not, no packet of it does, retransmissions included. */
async function goesOn(fd: string, address = GOOD): Promise<boolean> {
  texts += 1;
  const text = `text-${texts};`;
  const packets = world.lab.packetsTo(address);
  assert.equal(await inside.ask('send', fd, hex(text)), String(text.length));
  const arrived = () => sink.log().some(({ body }) => body?.includes(text));
  const sent = () => world.lab.packetsTo(address) > packets;
  for (let waited = 0; waited < RETRANSMISSION || (sent() && waited < 5000); waited += 30) {
    if (arrived()) return true;
    await sleep(30);
  }
  assert.equal(world.lab.packetsTo(address), packets);
  return false;
}

test('an unrelated edit keeps a connection by name; taking the name away ends it', {
  skip,
}, async () => {
  await world.holder.setRules(byName);
  await world.holder.learn(NAME, 60, [GOOD]);
  const fd = await open();
  assert.equal(await goesOn(fd), true);
  await world.holder.setRules({ names: { ...byName.names, ...unrelated } });
  assert.equal(await goesOn(fd), true);
  await world.holder.setRules({ names: unrelated });
  assert.equal(await goesOn(fd), false);
  assert.equal(await inside.connect('tcp', GOOD, 8000), 'EPERM');
});

test('a connection by name ends when its port is taken away, or its address denied', {
  skip,
}, async () => {
  for (const change of [
    { names: { [NAME]: ['8001'] } },
    { ...byName, deny: [NAME] },
    { ...byName, deny: [`${GOOD}/32`] },
  ]) {
    await world.holder.setRules(byName);
    await world.holder.learn(NAME, 60, [GOOD]);
    const fd = await open();
    await world.holder.setRules(change);
    assert.equal(await goesOn(fd), false, JSON.stringify(change));
    await inside.ask('close', fd);
  }
});

test('what was cut off goes on when the rule comes back', { skip }, async () => {
  await world.holder.setRules(byName);
  await world.holder.learn(NAME, 60, [GOOD]);
  const fd = await open();
  await world.holder.setRules({});
  assert.equal(await goesOn(fd), false);
  await world.holder.setRules(byName);
  assert.equal(await goesOn(fd), true);
});

test('an unrelated edit keeps a connection by prefix; taking the prefix away ends it', {
  skip,
}, async () => {
  await world.holder.setRules(byPrefix);
  const fd = await open();
  await world.holder.setRules({ ...byPrefix, names: unrelated });
  assert.equal(await goesOn(fd), true);
  await world.holder.setRules({ names: unrelated });
  assert.equal(await goesOn(fd), false);
});

test('many edits in a row leave the last one in force', { skip }, async () => {
  for (let i = 0; i < 50; i++) await world.holder.setRules(i % 2 ? byPrefix : {});
  assert.equal(await inside.connect('tcp', GOOD, 8000), '0');
  await world.holder.setRules({});
  assert.equal(await inside.connect('tcp', GOOD, 8000), 'EPERM');
});

test('an expired address refuses what is new and keeps an open connection', { skip }, async () => {
  await world.holder.setRules(byName);
  const short = { name: NAME, addresses: [OTHER] };
  const { done, expired } = await whileLearned(world, short, async () => {
    const tcp = await open(OTHER);
    const udp = await open(OTHER, 'udp');
    assert.equal(await goesOn(tcp, OTHER), true);
    assert.equal(await inside.ask('send', udp, hex('a')), '1');
    return { tcp, udp };
  });
  const { tcp, udp } = done;
  await expired();
  assert.equal(await inside.connect('tcp', OTHER, 8000), 'EPERM');
  assert.equal(await inside.connect('udp', OTHER, 8000), 'EPERM');
  assert.equal(await inside.datagram(OTHER, 8000), 'EPERM');
  assert.equal(await inside.ask('send', udp, hex('a')), 'EPERM');
  assert.equal(await goesOn(tcp, OTHER), true);
  await world.holder.setRules({ names: { ...byName.names, ...unrelated } });
  assert.equal(await goesOn(tcp, OTHER), true);
  const rows = (await world.holder.rows()).filter((row) => row.reason === 'expired');
  assert.ok(rows.length > 0);
  for (const row of rows) assert.deepEqual([row.ip, row.domain], [OTHER, NAME]);

  await world.holder.learn(NAME, 60, [OTHER]);
  assert.equal(await inside.connect('tcp', OTHER, 8000), '0');
  assert.equal(await inside.ask('send', udp, hex('a')), '1');
});

test('Observe lets pass what a rule refuses, and tells it', { skip }, async () => {
  await world.holder.setRules({ observe: true });
  const packets = world.lab.packetsTo(BAD);
  assert.equal(await inside.connect('tcp', BAD, 8000), '0');
  assert.equal(await inside.datagram(BAD, 8000), '6');
  assert.ok(world.lab.packetsTo(BAD) > packets);
  const rows = (await world.holder.rows()).filter((row) => row.ip === BAD);
  assert.deepEqual(rows.map(({ action, reason, protocol }) => [action, reason, protocol]).sort(), [
    ['observe', 'default', 'tcp'],
    ['observe', 'default', 'udp'],
  ]);
});

test('Observe counts a connection once, however many packets it has', { skip }, async () => {
  await world.holder.setRules({ observe: true });
  const fd = await open(BAD);
  const count = async () =>
    (await world.holder.rows()).find((row) => row.ip === BAD && row.protocol === 'tcp')?.count;
  const first = await count();
  for (let i = 0; i < 5; i++) assert.equal(await inside.ask('send', fd, hex('a')), '1');
  assert.equal(await count(), first);
});

test('Observe refuses what is always denied', { skip }, async () => {
  await world.holder.setRules({ observe: true });
  assert.equal(await inside.connect('tcp', METADATA, 8000), 'EPERM');
  assert.equal(await inside.connect('tcp', BAD, 853), 'EPERM');
  assert.equal(await inside.connect('tcp6', BAD6, 8000), 'EPERM');
  assert.equal(await inside.connect('tcp', '8.8.8.8', 443), 'EPERM');
  const rows = (await world.holder.rows()).filter((row) => row.action === 'block');
  for (const reason of ['metadata', 'dot', 'ipv6', 'doh']) {
    const row = rows.find((one) => one.reason === reason);
    assert.equal(row?.rule, 'always denied', reason);
  }
});

test('from Observe to Block, a connection that was let pass ends', { skip }, async () => {
  await world.holder.setRules({ observe: true });
  const fd = await open(BAD);
  assert.equal(await goesOn(fd, BAD), true);
  await world.holder.setRules({});
  assert.equal(await goesOn(fd, BAD), false);
});

test('an address of a name that Block refuses is told with its domain in Observe', {
  skip,
}, async () => {
  await world.holder.setRules({ observe: true });
  await world.holder.learn('bad.example.test', 60, [MARKED], true);
  assert.equal(await inside.connect('tcp', MARKED, 8000), '0');
  const rows = await world.holder.rows();
  const row = rows.find((one) => one.domain === 'bad.example.test');
  assert.deepEqual([row?.action, row?.ip, row?.port], ['observe', MARKED, 8000]);
  await world.holder.setRules({ names: { '*.example.test': ['8000'] } });
  assert.equal(await inside.connect('tcp', MARKED, 8000), 'EPERM');
});

test('a name that was looked up in vain leaves its number without rules', { skip }, async () => {
  const { holder } = world;
  const vain = 'vain.example.test';
  await holder.setRules({ names: { ...byName.names, [vain]: ['8000/UDP'] }, observe: true });
  const [meanwhile = 0, then] = await holder.lookUpInVain(vain);
  assert.equal(then, meanwhile - 1);
  // The next name has that number, and no rule allows it.
  await holder.learn('refused.example.test', 60, [MARKED], true);
  await open(MARKED);
  const actions = async (name: string) =>
    (await holder.rows()).filter(({ domain }) => domain === name).map(({ action }) => action);
  assert.deepEqual(await actions('refused.example.test'), ['observe']);
  // The control: what is learned for the name itself is allowed by it.
  const free = '192.0.2.23';
  await holder.learn(vain, 60, [free]);
  assert.equal(await inside.datagram(free, 8000), '6');
  assert.deepEqual(await actions(vain), ['allow']);
});
