/**
 * Other programs keep storages for the same sockets. The kernel remembers few of them by their place, and
 * ours is read from there (bpf/direct.h): with someone else's in its place it is found by a call.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { removePins } from '#agent/leftovers/sweep.ts';
import { builtPath, type EngineHandle, native } from '#bpf/native.ts';
import { whileLearned } from './short-lived.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const NAME = 'good.example.test';
const names = { [NAME]: ['8000', '8000/UDP'] };
const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
/** Places in the kernel's memory of a socket's storages; one more, and two of them share ours. */
const PLACES = 16;
const STRANGER = 'tw_one_call';

let world: World;
let probe: Probe;
const strangers: EngineHandle[] = [];
const folder = (): string => `${world.pins}-strangers`;
const pinOf = (i: number): string => join(folder(), String(i));

let statistics: number;

before(async () => {
  if (skip) return;
  statistics = native().enableStats();
  world = await createWorld({ names });
  for (const kind of ['tcp', 'udp'] as const) {
    await world.lab.sink([GOOD, BAD].map((address) => ({ kind, address, port: 8000 })));
  }
  probe = await world.probe('inside');
});
after(async () => {
  if (skip) return;
  native().close(statistics);
  removePins(folder());
  for (const engine of strangers) native().unload(engine);
  await world?.close();
});

/** Every packet of the target passes through so many programs with storages of their own. */
async function crowd(count: number): Promise<void> {
  if (count > 0) mkdirSync(folder(), { recursive: true });
  for (let i = strangers.length; i < count; i++) {
    const engine = native().load(builtPath('bpf/empty.bpf.o'), {}, [], '');
    strangers.push(engine);
    await native().attachCgroup(engine, STRANGER, world.cgroup.path, pinOf(i));
  }
}

/** What sockets may do that were opened before and after, each asked more than once. */
async function story(): Promise<void> {
  const datagrams = await probe.ask('socket', 'udp');
  const sends = (address: string) => probe.ask('sendto', datagrams, address, 8000, hex('a'));
  const short = { name: NAME, addresses: [GOOD] };
  const { done: stream, expired } = await whileLearned(world, short, async () => {
    const stream = await probe.ask('socket', 'tcp');
    assert.equal(await probe.ask('connect', stream, GOOD, 8000), '0');
    for (let i = 0; i < 3; i++) {
      assert.ok(await goesOn(stream));
      assert.equal(await sends(GOOD), '1');
      assert.equal(await sends(BAD), 'EPERM');
      assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
    }
    return stream;
  });
  await expired();
  assert.ok(await goesOn(stream), 'an open connection outlives its name');
  assert.equal(await sends(GOOD), 'EPERM', 'a datagram does not');
  assert.equal(await probe.connect('tcp', GOOD, 8000), 'EPERM');
  await world.holder.setRules({});
  assert.equal(await goesOn(stream), false, 'no rule holds it any longer');
  await world.holder.setRules({ names });
}

/** Does a packet of it arrive? The kernel takes what is sent in any case, and sends it later. */
async function goesOn(stream: string): Promise<boolean> {
  const before = world.lab.packetsTo(GOOD);
  assert.equal(await probe.ask('send', stream, hex('a')), '1');
  for (let turn = 0; turn < 50; turn++) {
    if (world.lab.packetsTo(GOOD) > before) return true;
    await sleep(20);
  }
  return false;
}

for (const count of [0, 1, PLACES + 1]) {
  test(`with ${count} storages of others on each socket, sockets keep what they had`, {
    skip,
    timeout: 60_000,
  }, async () => {
    await crowd(count);
    await story();
    assert.equal(world.lab.packetsTo(BAD), 0);
    for (const engine of strangers) {
      assert.ok(native().runStats(engine, STRANGER).runs > 0, 'a control that never ran');
    }
  });
}
