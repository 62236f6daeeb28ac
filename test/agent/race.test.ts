/**
 * Not one packet of a job leaves before its pod is held: pods that send before they do anything else, while
 * the agent is there, slow, gone, killed at the worst moment or without its container runtime. The count is
 * on the far side. The controls show that the same pods do send where no barrier stands before them.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { startAgent } from './agent.ts';
import { binding } from './documents.ts';
import {
  createFirst,
  type FirstPod,
  loadFirst,
  strays,
  untilBarriers,
  untilFirstEnded,
} from './first-pods.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
/** Pods of the long run; as many start at once as the last number says. */
const PODS = Number(process.env.TORWACHT_RACE_PODS ?? 30);
const AT_ONCE = 30;
/** The moments of death follow from it; another run may be given another one. */
const SEED = Number(process.env.TORWACHT_RACE_SEED ?? 1);
const KILLS = Math.max(4, Math.round(PODS / 5));

let cluster: Cluster;

before(async () => {
  if (skip !== false) return;
  cluster = await useCluster();
  await loadFirst(cluster);
});

const WAYS = ['tcp', 'udp', 'icmp'];

/** Every container ran, and all that it sent was refused at once. */
function assertHeld(pods: readonly FirstPod[], count: number): void {
  const seen = pods.map(({ phase, sent, barrier }) => ({ phase, sent, exit: barrier?.exit }));
  const good = { phase: 'Succeeded', sent: [0, 0, 0], exit: 0 };
  assert.deepEqual(
    seen,
    Array.from({ length: count }, () => good),
  );
}

test('control: where nobody governs, all of it gets out', { skip }, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'free');
  await createFirst(cluster, { namespace, count: 2, barrier: false, rounds: 3 });
  const pods = await untilFirstEnded(cluster, namespace);
  for (const { sent } of pods) assert.deepEqual(sent, [0, 0, 0]);
  const found = strays(internet);
  const containers = 2 * 3;
  // A round is one each by TCP and ICMP, and by UDP one plain, one connected, one raw and one as a frame.
  assert.ok((found.tcp ?? 0) >= containers * 3, JSON.stringify(found));
  assert.equal(found.icmp, containers * 3);
  assert.equal(found.udp, containers * 3 * 4);
});

test('control: where an agent governs but is slow, some of it gets out without a barrier', {
  skip,
}, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'bare');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  process.kill(agent.pid, 'SIGSTOP');
  await createFirst(cluster, { namespace, count: 2, barrier: false, rounds: 3 });
  await untilFirstEnded(cluster, namespace);
  process.kill(agent.pid, 'SIGCONT');
  for (const way of WAYS) assert.ok((strays(internet)[way] ?? 0) > 0, way);
});

test(`${PODS} pods, ${AT_ONCE} at once: not one packet`, { skip }, async (t) => {
  const internet = cluster.internet(t);
  const batches = Math.ceil(PODS / AT_ONCE);
  const namespaces: string[] = [];
  for (let i = 0; i < batches; i++) namespaces.push(await cluster.namespace(t, 'race'));
  const agent = await startAgent(
    t,
    cluster,
    namespaces.map((name) => binding(name)),
  );
  for (const [i, namespace] of namespaces.entries()) {
    const from = 1 + i * AT_ONCE;
    const count = Math.min(AT_ONCE, PODS + 1 - from);
    await createFirst(cluster, { namespace, count, barrier: true, from });
    assertHeld(await untilFirstEnded(cluster, namespace), count);
    assert.deepEqual(strays(internet), {});
    const all = ['pods', '--all', `--namespace=${namespace}`];
    await cluster.kubectl(['delete', ...all, '--now', '--wait=false']);
  }
  const held = agent.log().filter(({ msg }) => msg === 'pod held');
  const ahead = held.filter((line) => line.ahead === true).length;
  t.diagnostic(`${ahead} of ${held.length} were held before their sandbox had a process`);
});

test('an agent that is five seconds late: the barrier waits, and not one packet', {
  skip,
}, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'late');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  process.kill(agent.pid, 'SIGSTOP');
  await createFirst(cluster, { namespace, count: 4, barrier: true });
  await untilBarriers(cluster, namespace, 4);
  await sleep(5000);
  process.kill(agent.pid, 'SIGCONT');
  assertHeld(await untilFirstEnded(cluster, namespace), 4);
  assert.deepEqual(strays(internet), {});
});

test('no agent: the pod fails at the barrier’s deadline and says why', { skip }, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'none');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  assert.equal(await agent.stop(), 0);
  await createFirst(cluster, { namespace, count: 2, barrier: true, deadline: '2s' });
  for (const pod of await untilFirstEnded(cluster, namespace)) {
    assert.equal(pod.phase, 'Failed');
    assert.deepEqual(pod.barrier, { code: 'TW_BARRIER_NO_ANSWER', exit: 20 });
    assert.deepEqual(pod.sent, [undefined, undefined, undefined]);
  }
  assert.deepEqual(strays(internet), {});
});

test('an agent that dies between a sandbox’s start and its attach: the next one holds it', {
  skip,
}, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'between');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  process.kill(agent.pid, 'SIGSTOP');
  await createFirst(cluster, { namespace, count: 4, barrier: true });
  await untilBarriers(cluster, namespace, 4);
  await agent.kill();
  await agent.start();
  assertHeld(await untilFirstEnded(cluster, namespace), 4);
  assert.deepEqual(strays(internet), {});
});

test(`an agent that is killed ${KILLS} times while pods start: not one packet`, {
  skip,
}, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'killed');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  const random = randomFrom(SEED);
  t.diagnostic(`seed ${SEED}`);
  await createFirst(cluster, { namespace, count: AT_ONCE / 2, barrier: true });
  for (let kills = 0; kills < KILLS; kills++) {
    await sleep(random() * 1500);
    await agent.kill();
    await sleep(random() * 300);
    await agent.start();
  }
  const pods = await untilFirstEnded(cluster, namespace);
  assertHeld(pods, AT_ONCE / 2);
  assert.deepEqual(strays(internet), {});
});

test('a container runtime that dies while pods start: not one packet', { skip }, async (t) => {
  const internet = cluster.internet(t);
  const namespace = await cluster.namespace(t, 'runtime');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  await createFirst(cluster, { namespace, count: 8, barrier: true });
  await agent.untilLogged('one of them is held', ({ msg }) => msg === 'pod held');
  await cluster.node.restartContainerd();
  // Containers that were being created then may have failed; what counts is that nothing has left.
  const pods = await untilFirstEnded(cluster, namespace);
  assert.ok(pods.some(({ phase }) => phase === 'Succeeded'));
  for (const { sent } of pods) assert.ok(!sent.includes(3), JSON.stringify(pods));
  assert.deepEqual(strays(internet), {});
  // And the agent follows the runtime that has come back.
  const later = await cluster.namespace(t, 'after');
  agent.write([binding(namespace), binding(later)]);
  await agent.untilLogged('the bundle is in force', ({ documents }) => documents === 2);
  await createFirst(cluster, { namespace: later, count: 2, barrier: true, from: 101 });
  assertHeld(await untilFirstEnded(cluster, later), 2);
  assert.deepEqual(strays(internet), {});
});

/** Numbers from 0 to 1 that a seed repeats (xorshift, 32 bits). */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
