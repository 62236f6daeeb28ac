/**
 * What a lookup costs a process that is held: redirect, our resolver, the kernel's maps and the way
 * back, over the same query sent to the same server directly, and beside a bare forwarder in Node. And
 * whether one processor gives 10,000 cold lookups a second. All on loopback.
 */
import { type Figure, figure } from './figure.ts';
import { added, median, quantile, spread } from './statistics.ts';
import {
  buildProgram,
  MEASURED,
  OTHERS,
  startProgram,
  startScript,
  type Worker,
} from './worker.ts';
import { createBenchWorld } from './world.ts';

/** Each a moment of its own, so that a disturbed one is one of many. */
const ROUNDS = 20;
/** Lookups each way in a round; the ways take turns at every lookup. */
const LOOKUPS = 150;
const FLOOD = { rate: 10_000, lookups: 30_000 };

const APART = ', on a processor of its own';
const NS_IN_MS = 1e6;
const shares = { p50: 0.5, p99: 0.99 } as const;
type Share = keyof typeof shares;

export async function run(): Promise<readonly Figure[]> {
  const world = createBenchWorld();
  const workers: Worker[] = [];
  const started = (worker: Worker): Worker => {
    workers.push(worker);
    return worker;
  };
  try {
    const program = buildProgram(world.folder, 'dns');
    const upstream = started(startProgram(program, ['server']));
    const server = await upstream.next();
    const bare = started(startScript('dns-forwarder.ts', [server]));
    const forwarder = await bare.next();
    const { cgroup, pins } = world.cgroup();
    const held = JSON.stringify({ ...cgroup, id: String(cgroup.id), pins, server });
    const resolver = started(startScript('dns-resolver.ts', [held]));
    await resolver.next();
    const client = started(startProgram(program, ['client']));
    // A socket is of the cgroup that its process was in when it was made: the third alone is held.
    await client.ask(`open 127.0.0.1 ${server}`);
    await client.ask(`open 127.0.0.1 ${forwarder}`);
    client.enter(cgroup);
    await client.ask('open 127.0.0.53 53');
    const place = (theirs: number) => {
      for (const one of [bare, resolver]) one.pin(MEASURED);
      for (const one of [client, upstream]) one.pin(theirs);
    };
    place(MEASURED);
    const figures = [...(await cold(client, '', 0.12)), ...(await cached(client, '', 0.08))];
    place(OTHERS);
    figures.push(...(await cold(client, APART)), ...(await cached(client, APART)));
    return [...figures, ...(await flood(client, resolver))];
  } finally {
    // The client first: whoever lets go of the cgroup must not be waited for by someone in it.
    for (const worker of workers.reverse()) await worker.end();
    await world.close();
  }
}

/** ms of each lookup, by way: directly, through a bare forwarder, held. */
async function ask(client: Worker, command: string): Promise<[number[], number[], number[]]> {
  const ways: [number[], number[], number[]] = [[], [], []];
  const answer = await client.ask(command);
  for (const [i, time] of answer.split(' ').entries()) ways[i % 3]?.push(Number(time) / NS_IN_MS);
  return ways;
}

async function cold(client: Worker, where: string, limit?: number): Promise<readonly Figure[]> {
  await ask(client, `ask 1500 ${where.length}warm-up-`);
  const rounds: [number[], number[], number[]][] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await ask(client, `ask ${LOOKUPS} round${i}-`));
  const of = (way: 0 | 1 | 2, share: Share) =>
    rounds.map((ways) => quantile(ways[way], shares[share]));
  const row = (name: string, way: 1 | 2, share: Share, limit?: number) =>
    figure({
      name: `DNS: cold lookup, ${name} at ${share}${where}`,
      unit: 'ms',
      ...added(of(way, share), of(0, share)),
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    });
  return [
    row('added', 2, 'p50', limit),
    row('added', 2, 'p99'),
    row('a bare Node forwarder adds', 1, 'p50'),
    row('a bare Node forwarder adds', 1, 'p99'),
  ];
}

/** In all: where our own cache answers, nobody else is asked. */
async function cached(client: Worker, where: string, limit?: number): Promise<readonly Figure[]> {
  const rounds: [number[], number[], number[]][] = [];
  for (let i = 0; i < ROUNDS + 1; i++) {
    const ways = await ask(client, `again ${LOOKUPS} cached${where.length}.example.test`);
    if (i > 0) rounds.push(ways);
  }
  return (['p50', 'p99'] as const).map((share) => {
    const [direct, , ours] = ([0, 1, 2] as const).map((way) =>
      rounds.map((ways) => quantile(ways[way], shares[share])),
    ) as [number[], number[], number[]];
    return figure({
      name: `DNS: cached lookup, in all at ${share}${where}`,
      unit: 'ms',
      value: median(ours),
      spread: spread(ours),
      baseline: median(direct),
      ...(share === 'p50' && limit !== undefined ? { target: { bound: 'at most', limit } } : {}),
    });
  });
}

/** The resolver has a processor for itself, client and server share the other. */
async function flood(client: Worker, resolver: Worker): Promise<readonly Figure[]> {
  const { rate, lookups } = FLOOD;
  await client.ask(`flood ${rate / 2} ${rate / 2} before-`);
  const before = Number(await resolver.ask('cpu'));
  const answer = await client.ask(`flood ${rate} ${lookups} flood-`);
  const used = Number(await resolver.ask('cpu')) - before;
  const [sent = 0, answered = 0, ms = 0, p50 = 0, p99 = 0] = answer.split(' ').map(Number);
  return [
    figure({
      name: `DNS: lost of ${lookups.toLocaleString('en')} cold lookups, one processor`,
      unit: 'lookups',
      value: sent - answered,
      target: { bound: 'at most', limit: 0 },
    }),
    figure({
      name: 'DNS: cold lookups a second meanwhile',
      unit: '1/s',
      value: (sent * 1000) / ms,
      // The last ones may be sent a moment late.
      target: { bound: 'at least', limit: rate * 0.99 },
    }),
    figure({ name: 'DNS: processor time of one of them', unit: 'µs', value: used / answered }),
    figure({ name: 'DNS: one of them at p50', unit: 'ms', value: p50 / NS_IN_MS }),
    figure({ name: 'DNS: one of them at p99', unit: 'ms', value: p99 / NS_IN_MS }),
  ];
}
