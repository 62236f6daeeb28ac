/** Pods come and go, and nothing of them stays: neither in the agent nor in the kernel nor on the node. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { residentMegabytes } from '../../bench/memory.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { imageTag } from '../cluster/images/images.ts';
import { waitFor } from '../cluster/wait.ts';
import { type NodeAgent, startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';
import { type Traces, traceReader } from './traces.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const PODS = Number(process.env.TORWACHT_SOAK_PODS ?? 30);
/** The first batch warms up: what the agent keeps for good is there after it. */
const BATCH = Math.min(50, Math.max(10, PODS / 3));
/** What a heap may swing by, MB; a hundred kilobytes kept for each pod of the long run would exceed it. */
const SWING = 60;
const NAMES = ['one.example.test', 'two.example.test'];
const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';

let cluster: Cluster;

before(async () => {
  if (skip !== false) return;
  cluster = await useCluster();
  await cluster.image('barrier');
});

test(`${PODS} pods come and go: nothing grows`, { skip, timeout: 5_400_000 }, async (t) => {
  const internet = cluster.internet(t);
  await internet.dnsmasq(NAMES.map((name) => ({ name, address: GOOD })));
  await internet.sink([{ kind: 'http', address: GOOD, port: 8000 }]);
  const namespace = await cluster.namespace(t, 'soak');
  const agent = await startAgent(t, cluster, [
    binding(namespace),
    policy(
      namespace,
      { fqdn: [...NAMES], ports: [{ port: 8000 }] },
      { cidr: ['192.0.2.21/32'], ports: [{ port: 8000 }] },
    ),
  ]);
  const look = traceReader(t, cluster);
  const empty = look(agent);
  const warm = await comeAndGo(agent, namespace, { batch: 0, look, empty });
  const before = residentMegabytes(agent.pid);
  for (let made = BATCH; made < PODS; made += BATCH) {
    const traces = await comeAndGo(agent, namespace, { batch: made / BATCH, look, empty });
    const memory = residentMegabytes(agent.pid);
    // A socket to the server of names, and to whoever asks for metrics, may be open or not.
    const { socket: _before, ...descriptors } = warm.descriptors;
    const { socket = 0, ...now } = traces.descriptors;
    assert.deepEqual(now, descriptors);
    assert.ok(socket <= (empty.descriptors.socket ?? 0) + 20, `${socket} sockets`);
    assert.deepEqual({ ...traces, descriptors: 0 }, { ...warm, descriptors: 0 });
    assert.ok(memory < before + SWING, `${memory} MB after ${before} MB`);
  }
  const { maps, pins, held, pending } = warm;
  assert.deepEqual([held, pending, pins], ['0', '0', []]);
  for (const map of ['cgroups', 'learned', 'rows', 'uplinks', 'cidrs', 'policies', 'targets']) {
    assert.equal(maps[map], empty.maps[map], map);
  }
});

/** One batch from its making until nobody holds anything of it. */
async function comeAndGo(
  agent: NodeAgent,
  namespace: string,
  {
    batch,
    look,
    empty,
  }: {
    readonly batch: number;
    readonly look: (agent: NodeAgent) => Traces;
    readonly empty: Traces;
  },
): Promise<Traces> {
  const at = [`--namespace=${namespace}`];
  const ask = [
    // One stream: two would come in any order.
    'exec 2>&1',
    ...NAMES.map((name) => `nslookup ${name} 192.0.2.99 >/dev/null`),
    ...[GOOD, BAD].map((address) => `wget -qO- http://${address}:8000/`),
  ].join('; ');
  const pods = Array.from({ length: BATCH }, (_, i) => `soak-${batch}-${i}`);
  await cluster.apply(pods.map((name) => manifest(namespace, name, `${ask}; sleep 3600`)));
  // The refusal is the last that each of them tries.
  await waitFor(
    'every pod has been refused',
    () => {
      const refused = agent.rows().filter(({ ip, pod }) => ip === BAD && pods.includes(pod ?? ''));
      return new Set(refused.map(({ pod }) => pod)).size === BATCH;
    },
    { seconds: 600, everyMs: 1000 },
  );
  // The API server may not know yet that it has begun.
  const logs = await waitFor('its log', () =>
    cluster.kubectl(['logs', pods[0] ?? '', '--container=main', ...at]),
  );
  assert.match(logs, /^ok\n.*Operation not permitted/);
  const inUse = look(agent);
  assert.ok(inUse.pins.length >= BATCH, `${inUse.pins.length} folders of pins`);
  for (const map of ['learned', 'rows', 'cgroups', 'uplinks']) assert.ok(inUse.maps[map], map);
  await cluster.kubectl(['delete', 'pods', '--all', ...at, '--now']);
  return await waitFor(
    'nothing of the batch is held',
    () => {
      const traces = look(agent);
      const { held, pending, pins, maps } = traces;
      // One that has ended stays in the maps until its last rows are where they are kept.
      const gone = maps.targets === empty.maps.targets && maps.cgroups === empty.maps.cgroups;
      return held === '0' && pending === '0' && pins.length === 0 && gone && traces;
    },
    { seconds: 300, everyMs: 1000 },
  );
}

function manifest(namespace: string, name: string, ask: string): object {
  const image = (name: 'barrier' | 'busybox') => ({
    image: imageTag(name),
    imagePullPolicy: 'Never',
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      initContainers: [{ name: 'barrier', ...image('barrier'), args: ['--deadline', '120s'] }],
      containers: [{ name: 'main', ...image('busybox'), command: ['sh', '-c', ask] }],
    },
  };
}
