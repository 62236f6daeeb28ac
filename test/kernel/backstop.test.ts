/** What never meets a socket hook of the target's is judged where it leaves: at the machine's end of the link. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EgressEvent } from '#api/event.ts';
import { tcp4, udp4 } from './packets.ts';
import { lookUp } from './queries.ts';
import { whileLearned } from './short-lived.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
const OTHER = '198.51.100.8';
const NAME = 'good.example.test';
const NOBODY = '198.51.100.99';

let world: World;
let inside: Probe;
let outside: Probe;
let nested: Probe;

before(async () => {
  if (skip) return;
  world = await createWorld({ names: { [NAME]: ['8000', '9/UDP'] } }, {}, { ownNetns: true });
  await world.lab.dnsmasq([{ name: NAME, address: GOOD, ttl: 60 }]);
  await world.lab.sink([
    { kind: 'tcp', address: GOOD, port: 8000 },
    { kind: 'udp', address: GOOD, port: 9 },
    { kind: 'tcp', address: BAD, port: 8000 },
    { kind: 'udp', address: BAD, port: 9 },
  ]);
  for (const address of [OTHER, NOBODY]) world.lab.addAddress(address);
  inside = await world.probe('inside');
  outside = await world.probe('outside');
  nested = await world.probe('nested');
});
after(() => world?.close());

/** By a packet socket of the probe, on its link to the machine. */
function frame(probe: Probe, packet: Buffer, number: number): Promise<string> {
  return probe.ask('frame', 'eth0', `02000a58${hex2(number)}01`, packet.toString('hex'));
}

const hex2 = (value: number) => value.toString(16).padStart(2, '0');

/** Looks again until it is so: what depends on the clock of the kernel. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return;
    await sleep(20);
  }
  assert.fail('it never came to be so');
}

async function rowsOf(ip: string): Promise<EgressEvent[]> {
  return (await world.holder.rows()).filter((row) => row.ip === ip);
}

test('control: a packet socket of another pod gets out', { skip }, async () => {
  const packet = udp4({ from: '10.88.2.2', to: BAD, port: 9 });
  assert.equal(await frame(outside, packet, 2), String(packet.length));
  assert.equal(world.lab.packetsTo(BAD, 9), 1);
});

test('a packet socket’s frame is judged, refused and recorded', { skip }, async (t) => {
  const reached = () => [9, 8000].map((port) => world.lab.packetsTo(BAD, port));
  const before = reached();
  for (const packet of [
    udp4({ from: '10.88.1.2', to: BAD, port: 9 }),
    tcp4({ from: '10.88.1.2', to: BAD, port: 8000 }),
  ]) {
    assert.equal(await frame(inside, packet, 1), String(packet.length), 'it leaves the socket');
  }
  const arrived = JSON.stringify(world.lab.arrivals());
  assert.deepEqual(reached(), before, `and ends at the backstop: ${arrived}`);
  // Whoever else may speak of it, such as the machine between with an error.
  if (world.lab.packetsTo(BAD) > 1) t.diagnostic(`also arrived: ${arrived}`);
  assert.deepEqual(
    (await rowsOf(BAD)).map((row) => [row.action, row.protocol, row.port, row.reason]).sort(),
    [
      ['block', 'tcp', 8000, 'default'],
      ['block', 'udp', 9, 'default'],
    ],
  );
});

test('what a rule allows may come by packet socket as well', { skip }, async () => {
  assert.equal(await lookUp(inside, NOBODY, NAME), `${GOOD} from ${NOBODY}:53`);
  const before = world.lab.packetsTo(GOOD, 9);
  await frame(inside, udp4({ from: '10.88.1.2', to: GOOD, port: 9 }), 1);
  assert.equal(world.lab.packetsTo(GOOD, 9), before + 1);
});

test('port 53 and metadata leave by no socket', { skip }, async () => {
  for (const [to, port] of [
    ['192.0.2.53', 53],
    ['169.254.169.254', 80],
  ] as const) {
    const before = world.lab.packetsTo(to, port);
    await frame(outside, udp4({ from: '10.88.2.2', to, port }), 2);
    assert.equal(world.lab.packetsTo(to, port), before + 1, 'control');
    await frame(inside, udp4({ from: '10.88.1.2', to, port }), 1);
    assert.equal(world.lab.packetsTo(to, port), before + 1, `${to}:${port}`);
  }
});

test('control: a nested container of another pod reaches everything', { skip }, async () => {
  const free = await world.probe('nested outside');
  assert.equal(await free.connect('tcp', BAD, 8000), '0');
  assert.equal(await lookUp(free, '192.0.2.53', NAME), `${GOOD} from 192.0.2.53:53`);
  const packet = udp4({ from: '172.18.4.2', to: OTHER, port: 9 });
  await free.ask('frame', 'eth0', '0200ac120401', packet.toString('hex'));
  assert.equal(world.lab.packetsTo(OTHER, 9), 1);
});

test('a nested container asks our resolver, and reaches what it is allowed', { skip }, async () => {
  assert.equal(await lookUp(nested, NOBODY, NAME), `${GOOD} from ${NOBODY}:53`);
  assert.equal(await lookUp(nested, NOBODY, NAME, 'tcp'), `${GOOD} from connected`);
  assert.equal(await lookUp(nested, NOBODY, 'bad.example.test'), `NXDOMAIN from ${NOBODY}:53`);
  assert.equal(world.lab.packetsTo(NOBODY, 53), 0);
  assert.equal(await nested.connect('tcp', GOOD, 8000), '0');
  assert.equal(await nested.datagram(GOOD, 9), '6');
});

test('and nothing else, by sockets or past them', { skip }, async () => {
  const before = world.lab.packetsTo(OTHER);
  assert.equal(await nested.connect('tcp', OTHER, 8000), 'EPERM');
  assert.equal(await nested.datagram(OTHER, 9), 'EPERM');
  const [row] = await rowsOf(OTHER);
  assert.equal(row?.pid, nested.pid, 'the process is known');
  const packet = udp4({ from: '172.18.3.2', to: OTHER, port: 9 });
  const sent = await nested.ask('frame', 'eth0', '0200ac120301', packet.toString('hex'));
  assert.equal(sent, String(packet.length));
  assert.equal(world.lab.packetsTo(OTHER), before);
});

test('a nested connection goes on when its address has expired; a new one is refused', {
  skip,
}, async () => {
  const name = 'short.example.test';
  await world.holder.setRules({ names: { [NAME]: ['8000'], [name]: ['8000'] } });
  const sink = await world.lab.sink([{ kind: 'tcp', address: OTHER, port: 8000 }]);
  const short = { name, addresses: [OTHER] };
  const { done: fd, expired } = await whileLearned(world, short, async () => {
    const fd = await nested.ask('socket', 'tcp');
    assert.equal(await nested.ask('connect', fd, OTHER, 8000), '0');
    return fd;
  });
  await expired();
  assert.equal(await nested.connect('tcp', OTHER, 8000), 'EPERM');
  assert.equal(await nested.ask('send', fd, hex('still here')), '10');
  await nested.ask('close', fd);
  await eventually(async () => JSON.stringify(sink.log()).includes('still here'));
});

test('Observe lets it pass, and counts each attempt once', { skip }, async () => {
  await world.holder.setRules({ observe: true });
  const target = '198.51.100.9';
  world.lab.addAddress(target);
  assert.equal(await inside.datagram(target, 9), '6');
  await frame(inside, udp4({ from: '10.88.1.2', to: target, port: 10 }), 1);
  assert.equal(world.lab.packetsTo(target), 2);
  const rows = (await rowsOf(target)).map((row) => [row.action, row.port, row.count]).sort();
  assert.deepEqual(rows, [
    ['observe', 10, 1],
    ['observe', 9, 1],
  ]);
});

test('with the holder dead, by SIGKILL, nothing more gets out', { skip }, async () => {
  await world.holder.setRules({ names: { [NAME]: ['8000'] } });
  world.holder.process.kill('SIGKILL');
  const before = world.lab.packetsTo(BAD);
  assert.equal(await inside.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await nested.connect('tcp', BAD, 8000), 'EPERM');
  await frame(inside, udp4({ from: '10.88.1.2', to: BAD, port: 9 }), 1);
  assert.equal(await inside.briefly(() => lookUp(inside, NOBODY, NAME)), 'EAGAIN');
  assert.equal(world.lab.packetsTo(BAD), before);
  assert.equal(world.lab.packetsTo(NOBODY, 53), 0);
});
