/**
 * What the node's agent costs the pods of a real node: how long after a sandbox's start its barrier would be
 * answered, over a subscriber that does nothing but hear of the start; how much longer the barrier lives than
 * an init container that does nothing; memory and processor time of the agent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type NodeAgent, startAgent } from '../test/agent/agent.ts';
import { binding } from '../test/agent/documents.ts';
import { type Cluster, useCluster } from '../test/cluster/cluster.ts';
import { imageTag } from '../test/cluster/images/images.ts';
import { BUILD } from '../test/cluster/names.ts';
import { waitFor } from '../test/cluster/wait.ts';
import { type Figure, figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';
import { type Answer, RuntimeEvents } from './runtime-events.ts';
import { median, quantile, spread } from './statistics.ts';

/** Pods that start at once, and how often. */
const AT_ONCE = 30;
const ROUNDS = 3;
/** Barriers and no-ops take turns. */
const TURNS = 12;
const CROWD = 100;
const IDLE_SECONDS = 10;
/** Of /proc/<pid>/stat. */
const TICKS_A_SECOND = 100;

export function skip(): string | undefined {
  const built = ['kube', 'coredns'].every((name) => existsSync(join(BUILD, name)));
  if (!built) return 'the programs of the test cluster are not built (make cluster)';
  return process.getuid?.() === 0 ? undefined : 'a cluster needs root';
}

export async function run(): Promise<readonly Figure[]> {
  const undo: (() => Promise<void> | void)[] = [];
  const stack = { after: (done: () => Promise<void> | void) => void undo.push(done) };
  try {
    const cluster = await useCluster();
    await cluster.image('barrier');
    const namespace = await cluster.namespace(stack as never, 'bench');
    const agent = await startAgent(stack, cluster, [binding(namespace)]);
    const events = new RuntimeEvents(cluster.node.containerdSocket, namespace);
    stack.after(() => events.close());
    await events.ready();
    const world = { cluster, namespace, agent, events };
    const idle = await atRest(world);
    return [
      ...(await attach(world)),
      await barrier(world),
      ...(await crowd(world, idle.memory)),
      idle.cpu,
    ];
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

interface World {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly agent: NodeAgent;
  readonly events: RuntimeEvents;
}

/** From the start of a sandbox, as a bare subscriber hears of it, to the answer that its barrier waits for. */
async function attach(world: World): Promise<readonly Figure[]> {
  const all: Answer[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const answers = world.events.answers(AT_ONCE);
    await create(world, sleepers(`attach-${round}`, AT_ONCE));
    // The first round warms up.
    if (round > 0) all.push(...(await answers));
    else await answers;
    await removeAll(world);
  }
  const at = (since: keyof Answer, share: number, limit?: number) => {
    const values = all.map((one) => one[since]);
    return figure({
      name: `agent: ${names[since]} to barrier’s answer, ${AT_ONCE} pods at once, p${share * 100}`,
      unit: 'ms',
      value: quantile(values, share),
      spread: spread(values),
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    });
  };
  return [
    ...[at('fromStart', 0.5, 15), at('fromStart', 0.99, 80)],
    ...[at('fromCreation', 0.5), at('fromCreation', 0.99)],
  ];
}

const names = { fromStart: 'sandbox start', fromCreation: 'sandbox creation' } as const;

/** How long the init container lives: its start and its end as containerd tells them. */
async function barrier(world: World): Promise<Figure> {
  const lives: Record<'barrier' | 'noop', number[]> = { barrier: [], noop: [] };
  const init = {
    barrier: { image: imageTag('barrier') },
    noop: { image: imageTag('busybox'), command: ['true'] },
  };
  for (let turn = -1; turn < TURNS; turn++) {
    for (const kind of turn % 2 ? (['noop', 'barrier'] as const) : (['barrier', 'noop'] as const)) {
      const life = world.events.life(kind);
      const container = { name: kind, imagePullPolicy: 'Never', ...init[kind] };
      await create(world, [pod(`${kind}-${turn + 1}`, [container])]);
      const took = await life;
      if (turn >= 0) lives[kind].push(took);
      await removeAll(world);
    }
  }
  return figure({
    name: 'agent: the barrier, over an init container that does nothing',
    unit: 'ms',
    value: median(lives.barrier) - median(lives.noop),
    spread: spread(lives.barrier),
    baseline: median(lives.noop),
    target: { bound: 'at most', limit: 30 },
  });
}

async function crowd(world: World, none: number): Promise<readonly Figure[]> {
  const memory = (count: number, value: number, limit?: number) =>
    figure({
      name: `agent: memory, ${count} pods`,
      unit: 'MB',
      value,
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    });
  const figures = [memory(0, none)];
  await create(world, sleepers('crowd-a', AT_ONCE));
  await untilHeld(world, AT_ONCE);
  figures.push(memory(AT_ONCE, await settledMemory(world.agent)));
  await create(world, sleepers('crowd-b', CROWD - AT_ONCE));
  await untilHeld(world, CROWD);
  figures.push(memory(CROWD, await settledMemory(world.agent), 100));
  return figures;
}

async function atRest({ agent }: World): Promise<{ memory: number; cpu: Figure }> {
  const memory = await settledMemory(agent);
  const before = processorTime(agent.pid);
  await pause(IDLE_SECONDS * 1000);
  const used = processorTime(agent.pid) - before;
  return {
    memory,
    cpu: figure({
      name: 'agent: processor time at rest',
      unit: '%',
      value: (used / TICKS_A_SECOND / IDLE_SECONDS) * 100,
    }),
  };
}

async function settledMemory(agent: NodeAgent): Promise<number> {
  await pause(3000);
  return residentMegabytes(agent.pid);
}

/** Fields 14 and 15: user and system time in clock ticks. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function sleepers(name: string, count: number): object[] {
  return Array.from({ length: count }, (_, i) => pod(`${name}-${i}`, []));
}

function pod(name: string, initContainers: readonly object[]): object {
  const image = imageTag('busybox');
  const main = { name: 'main', image, imagePullPolicy: 'Never', command: ['sleep', '3600'] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 0, initContainers, containers: [main] },
  };
}

async function create({ cluster, namespace }: World, pods: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: pods };
  await cluster.kubectl(['create', `--namespace=${namespace}`, '-f', '-'], JSON.stringify(list));
}

/** And waits until the agent holds none any more. */
async function removeAll(world: World): Promise<void> {
  const at = [`--namespace=${world.namespace}`];
  await world.cluster.kubectl(['delete', 'pods', '--all', ...at, '--now']);
  await untilHeld(world, 0);
}

async function untilHeld({ agent }: World, count: number): Promise<void> {
  const line = `torwacht_pods_held ${count}\n`;
  await waitFor(`the agent holds ${count} pods`, () => agent.get('/metrics')?.includes(line), {
    seconds: 600,
  });
}
