/** What is pinned holds a cgroup whoever dies, and goes when the pins go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCgroup, newCgroupId, removeCgroup } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { removePins, removeTraces } from '#agent/leftovers/sweep.ts';
import type { Rules } from './rules.ts';
import { createWorld, type Probe, skip, type World } from './world.ts';

const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
const rules: Rules = { prefixes: { [`${GOOD}/32`]: ['8000'] } };

async function start(t: TestContext): Promise<World> {
  const world = await createWorld(rules);
  t.after(() => world.close());
  const kind = 'tcp' as const;
  await world.lab.sink([GOOD, BAD].map((address) => ({ kind, address, port: 8000 })));
  return world;
}

async function kill(world: World): Promise<void> {
  const ended = once(world.holder.process, 'exit');
  world.holder.process.kill('SIGKILL');
  await ended;
}

/** The kernel lets go of a link some moments after its last pin is gone. */
async function becomesFree(probe: Probe, address: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if ((await probe.connect('tcp', address, 8000)) === '0') return;
    await sleep(10);
  }
  assert.fail(`${address} stays refused`);
}

test('after kill -9 of the holder, rules hold as before and port 53 gets no answer', {
  skip,
}, async (t) => {
  const world = await start(t);
  const probe = await world.probe('inside');
  const open = await probe.ask('socket', 'tcp');
  assert.equal(await probe.ask('connect', open, GOOD, 8000), '0');
  await kill(world);
  const late = await world.probe('inside');
  for (const one of [probe, late]) {
    assert.equal(await one.connect('tcp', BAD, 8000), 'EPERM');
    assert.equal(await one.datagram(BAD, 8000), 'EPERM');
    assert.equal(await one.connect('tcp', GOOD, 8000), '0');
    assert.equal(await one.connect('tcp', '192.0.2.53', 53), 'ECONNREFUSED');
  }
  assert.equal(await probe.ask('send', open, '78'), '1');
  assert.equal(world.lab.packetsTo(BAD), 0);
  assert.equal(world.lab.packetsTo('192.0.2.53'), 0);
  const outside = await world.probe('outside');
  assert.equal(await outside.connect('tcp', BAD, 8000), '0');
});

test('a cgroup below the target is held as well, also one made after a kill -9', {
  skip,
}, async (t) => {
  const world = await start(t);
  const inner = join(world.cgroup.path, 'inner');
  mkdirSync(inner);
  const enter = `echo 0 > ${inner}/cgroup.procs; exec "$@"`;
  const probe = await world.probe('inside', { script: enter });
  assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await probe.connect('tcp', GOOD, 8000), '0');
  await kill(world);
  const later = join(inner, 'later');
  mkdirSync(later);
  const deep = await world.probe('inside', { script: enter.replace(inner, later) });
  assert.equal(await deep.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await deep.connect('tcp', GOOD, 8000), '0');
  assert.equal(world.lab.packetsTo(BAD), 0);
});

test('a cgroup that is empty is free when its pins are gone', {
  skip,
}, async (t) => {
  const world = await start(t);
  assert.deepEqual(
    readdirSync(world.pins).filter((name) => !name.startsWith('tw_')),
    [],
  );
  await kill(world);
  await killAll(world.cgroup.path);
  removePins(world.pins);
  assert.equal(existsSync(world.pins), false);
  const probe = await world.probe('inside');
  await becomesFree(probe, BAD);
});

test('traces of a cgroup in which something lives cannot be removed', { skip }, async (t) => {
  const world = await start(t);
  const probe = await world.probe('inside');
  await kill(world);
  const run = { id: 'ffffffffffff', cgroup: world.cgroup.path, pins: world.pins };
  assert.throws(() => removeTraces(run), { code: 'EBUSY' });
  assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
});

test('attaching again where the pins are takes the links over, one for each program', {
  skip,
}, async (t) => {
  const world = await start(t);
  const probe = await world.probe('inside');
  const pins = readdirSync(world.pins);
  await world.holder.attach(world.cgroup.path, world.pins);
  assert.deepEqual(readdirSync(world.pins), pins);
  assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await probe.connect('tcp', GOOD, 8000), '0');
});

test('a second engine on one cgroup can only refuse more', { skip }, async (t) => {
  const world = await start(t);
  const probe = await world.probe('inside');
  // Attached, and not known as a target: it refuses all.
  const pins = `${world.pins}-second`;
  t.after(() => removePins(pins));
  await world.holder.attachStranger(world.cgroup.path, pins);
  assert.equal(await probe.connect('tcp', GOOD, 8000), 'EPERM');
  removePins(pins);
  await becomesFree(probe, GOOD);
  assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
});

test('what cannot be attached or pinned is an error that says what, and leaves nothing', {
  skip,
}, async (t) => {
  const world = await start(t);
  const id = newCgroupId();
  const free = createCgroup(world.cgroup, id);
  t.after(() => removeCgroup(free.path));
  const { holder, lab } = world;
  const pins = `${world.pins}-failed`;
  const program = 'tw_egress_direct';
  await assert.rejects(
    holder.attach(`${free.path}-none`, pins),
    new RegExp(`${program} cannot be attached to .*-none: .*No such file`),
  );
  await assert.rejects(
    holder.attach(lab.folder, pins),
    new RegExp(`${program} cannot be attached`),
  );
  await assert.rejects(holder.attach(free.path, join(lab.folder, 'pins')), /cannot be attached/);
  assert.deepEqual(readdirSync(pins), []);
  rmdirSync(pins);
});
