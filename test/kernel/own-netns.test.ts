/** A target with a network namespace of its own, as a pod has it: port 53 is led to the resolver by nftables. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execute } from '../lab/execute.ts';
import { lookUp } from './queries.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
const NAME = 'good.example.test';
/** Nobody answers there: whoever gets an answer from it was redirected. */
const NOBODY = '198.51.100.99';

let world: World;
let inside: Probe;
let outside: Probe;

before(async () => {
  if (skip) return;
  // A flood is one on the slowest machine.
  const options = { ownNetns: true, queriesPerSecond: 1 };
  world = await createWorld({ names: { [NAME]: ['8000', '9/UDP'] } }, {}, options);
  await world.lab.dnsmasq([
    { name: NAME, address: GOOD, ttl: 60 },
    { name: 'bad.example.test', address: BAD, ttl: 60 },
  ]);
  await world.lab.sink([
    { kind: 'tcp', address: GOOD, port: 8000 },
    { kind: 'udp', address: GOOD, port: 9 },
    { kind: 'tcp', address: BAD, port: 8000 },
    { kind: 'udp', address: BAD, port: 9 },
  ]);
  world.lab.addAddress(NOBODY);
  inside = await world.probe('inside');
  outside = await world.probe('outside');
});
after(() => world?.close());

test('control: another pod reaches everything, and asks whom it likes', { skip }, async () => {
  assert.equal(await outside.connect('tcp', BAD, 8000), '0');
  assert.equal(await outside.datagram(BAD, 9), '6');
  assert.equal(
    await lookUp(outside, '192.0.2.53', 'bad.example.test'),
    `${BAD} from 192.0.2.53:53`,
  );
  assert.equal(await outside.briefly(() => lookUp(outside, NOBODY, NAME)), 'EAGAIN');
  assert.ok(world.lab.packetsTo(NOBODY, 53) > 0);
});

test('before its look-up, an address of an allowed name is refused', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8000), 'EPERM');
  assert.equal(await inside.datagram(GOOD, 9), 'EPERM');
});

test('port 53 of any server is the resolver, by UDP and TCP, IPv4 and IPv6', { skip }, async () => {
  const before = world.lab.packetsTo(NOBODY);
  assert.equal(await lookUp(inside, NOBODY, NAME), `${GOOD} from ${NOBODY}:53`);
  assert.equal(await lookUp(inside, NOBODY, NAME, 'tcp'), `${GOOD} from connected`);
  assert.equal(await lookUp(inside, '127.0.0.1', NAME), `${GOOD} from 127.0.0.1:53`);
  assert.equal(
    await lookUp(inside, `::ffff:${NOBODY}`, NAME),
    `${GOOD} from [::ffff:${NOBODY}]:53`,
  );
  assert.equal(await lookUp(inside, '::1', NAME), `${GOOD} from [::1]:53`);
  assert.equal(await lookUp(inside, NOBODY, 'bad.example.test'), `NXDOMAIN from ${NOBODY}:53`);
  assert.equal(world.lab.packetsTo(NOBODY), before, 'not one packet');
});

test('after it, that address is open on the allowed port, and no other', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8000), '0');
  assert.equal(await inside.datagram(GOOD, 9), '6');
  assert.equal(await inside.connect('tcp', GOOD, 8001), 'EPERM');
  assert.equal(await inside.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await inside.datagram(BAD, 9), 'EPERM');
});

test('loopback and its own address are the target’s', { skip }, async () => {
  const own = world.pod?.address ?? '';
  for (const address of ['127.0.0.1', own]) {
    const listener = await inside.ask('socket', 'tcp');
    assert.equal(await inside.ask('bind', listener, address, 7070), '0');
    assert.equal(await inside.ask('listen', listener), '0');
    assert.equal(await inside.connect('tcp', address, 7070), '0', address);
    await inside.ask('close', listener);
  }
  assert.equal(await inside.connect('tcp', own, 7071), 'ECONNREFUSED');
});

test('the resolver’s port: the target cannot take it, nobody outside can reach it', {
  skip,
}, async () => {
  const fd = await inside.ask('socket', 'udp');
  assert.equal(await inside.ask('bind', fd, '0.0.0.0', 15353), 'EPERM');
  const own = world.pod?.address ?? '';
  assert.equal(await outside.briefly(() => lookUp(outside, own, NAME, 'udp', 15353)), 'EAGAIN');
  assert.equal(await outside.briefly(() => lookUp(outside, own, NAME, 'udp', 53)), 'EAGAIN');
  assert.equal(
    await outside.briefly(() => lookUp(outside, own, NAME, 'tcp', 15353)),
    'EINPROGRESS',
  );
});

test('queries beyond the budget end in the kernel, over IPv6 too', { skip }, async () => {
  const before = (await world.holder.counters()).queries_dropped;
  for (const [kind, address] of [
    ['udp', NOBODY],
    ['udp6', '::1'],
  ] as const) {
    const fd = await inside.ask('socket', kind);
    const refused = await inside.ask('repeat', fd, address, 53, hex('x'), 3000);
    assert.ok(Number(refused) > 1000, `${address}: ${refused}`);
  }
  assert.ok((await world.holder.counters()).queries_dropped > before + 2000);
});

test('a machine with many links: the pod’s end is found among them', { skip }, async (t) => {
  const busy = await createWorld({}, {}, { ownNetns: true, links: 100 });
  t.after(() => busy.close());
  const end = busy.pod?.hostLink ?? '';
  const filters = execute('tc', [
    '-n',
    busy.lab.namespace('host'),
    'filter',
    'show',
    'dev',
    end,
    'ingress',
  ]);
  assert.match(filters, /tw_backstop/);
});
