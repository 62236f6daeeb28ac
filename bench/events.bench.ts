/**
 * A flood of 1,000,000 denied sends, and one denied send of another process in the middle of it: every
 * one must be counted, and the other one's row must be there within the second. Once over as many
 * destinations as the target has rows for, once over far more.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Engine } from '#agent/engine/engine.ts';
import { createRandom16 } from '#agent/resolver/random.ts';
import { createUpstream } from '#agent/resolver/upstream.ts';
import { Kernel } from '#bpf/kernel.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { createLab, type Lab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import { buildProgram, startInLab, type Worker } from './worker.ts';
import { type BenchWorld, benchPolicy, createBenchWorld } from './world.ts';

const SENDS = 1_000_000;
/** In so many pieces, to be in the middle of it when the other process sends. */
const PIECES = 10;
const ADDRESSES = ['198.51.100.1', '198.51.100.2'];
/** The other process alone sends there. */
const OTHER_PORT = 9;
/** A row that is not there after so many ms will not come. */
const PATIENCE = 5000;

const floods = [
  { name: '1,000 destinations', ports: 500 },
  { name: '40,000 destinations', ports: 20_000 },
] as const;

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: ADDRESSES });
  const world = createBenchWorld();
  try {
    const sender = buildProgram(world.folder, 'sender');
    const figures: Figure[] = [];
    for (const flood of floods) figures.push(...(await measure(lab, world, sender, flood)));
    return figures;
  } finally {
    await world.close();
    lab.close();
  }
}

async function measure(
  lab: Lab,
  world: BenchWorld,
  sender: string,
  { name, ports }: (typeof floods)[number],
): Promise<readonly Figure[]> {
  const { cgroup, pins } = world.cgroup();
  const upstream = createUpstream({
    servers: ['127.0.0.1'],
    clock: () => performance.now(),
    random: createRandom16(),
  });
  const kernel = await Kernel.load(singleTargetSizes);
  const engine = new Engine(kernel, { slots: 1, version: 'bench', fault });
  const workers: Worker[] = [];
  const start = (port: number, spread: number): Worker => {
    const worker = startInLab(lab, 'host', sender, ['udp', `${port}`, `${spread}`, ...ADDRESSES]);
    workers.push(worker);
    worker.enter(cgroup);
    return worker;
  };
  try {
    const arrived = Promise.withResolvers<number>();
    let other: Worker | undefined;
    const held = await engine.hold({
      cgroup,
      policy: benchPolicy([]),
      upstream,
      pins,
      labels: { target: 'bench', namespace: null, pod: null, project_id: null, job_name: null },
      // Beyond the budget of rows it has one without address and port.
      onRow: ({ pid }) => {
        if (pid === other?.pid) arrived.resolve(performance.now());
      },
      outside: () => false,
    });
    const flooder = start(10_000, ports);
    other = start(OTHER_PORT, 1);
    let refused = 0;
    let asked = 0;
    const began = performance.now();
    for (let piece = 0; piece < PIECES; piece++) {
      const flooding = flooder.ask(`${SENDS / PIECES}`);
      if (piece === PIECES / 2) {
        asked = performance.now();
        refused += refusedOf(await other.ask('1'));
      }
      refused += refusedOf(await flooding);
    }
    const took = performance.now() - began;
    const at = await Promise.race([arrived.promise, pause(PATIENCE, asked + PATIENCE)]);
    const counted =
      held.rows.finish().reduce((sum, { event }) => sum + event.count, 0) + held.overflow().refused;
    await held.close();
    return figures(name, { refused, counted, took, delay: at - asked });
  } finally {
    for (const worker of workers) await worker.end();
    engine.close();
    upstream.close();
  }
}

interface Measured {
  readonly refused: number;
  readonly counted: number;
  readonly took: number;
  readonly delay: number;
}

function figures(name: string, { refused, counted, took, delay }: Measured): readonly Figure[] {
  return [
    figure({
      name: `events: sends to ${name} miscounted`,
      unit: 'sends',
      value: Math.abs(counted - refused) + Math.abs(refused - (SENDS + 1)),
      target: { bound: 'at most', limit: 0 },
    }),
    figure({
      name: `events: a row of another process meanwhile, ${name}`,
      unit: 'ms',
      value: delay,
      target: { bound: 'at most', limit: 1000 },
    }),
    figure({
      name: `events: one denied send, ${name}`,
      unit: 'µs',
      value: (took * 1000) / SENDS,
    }),
  ];
}

function refusedOf(answer: string): number {
  return Number(answer.split(' ')[1]);
}

function fault(error: unknown): never {
  throw error;
}
