/**
 * What a held process still gets through: bytes of one stream, requests on one connection, requests on a
 * connection each, beside the same client in a cgroup that nobody holds. The other side is in another
 * network namespace.
 */
import { createLab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import { ALLOWED, heldLane, LEARNED, PORT } from './lanes.ts';
import { interleave, times } from './statistics.ts';
import { buildProgram, startInLab } from './worker.ts';
import { createBenchWorld } from './world.ts';

/** Each with processes of their own: where one lies in memory is worth a hundredth or two. */
const GROUPS = 8;
const ROUNDS = 6;
const LEAST = 0.98;

/** Each takes some 30 to 50 ms. */
const kinds = [
  { name: 'TCP stream', command: 'stream 50', unit: 'Gbit/s', scale: 8 / 1e9 },
  { name: 'requests on one connection', command: 'keep 2000', unit: 'k/s', scale: 1 / 1e3 },
  { name: 'requests on a connection each', command: 'connect 1000', unit: 'k/s', scale: 1 / 1e3 },
] as const;

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: [...LEARNED, ...ALLOWED] });
  const world = createBenchWorld();
  const held = await heldLane(world, 10);
  try {
    await startInLab(lab, 'net', buildProgram(world.folder, 'peer'), [String(PORT)]).next();
    const program = buildProgram(world.folder, 'client');
    const cgroups = [world.cgroup().cgroup, held.inner.cgroup];
    const measured = kinds.map((): [free: number[], ours: number[]] => [[], []]);
    for (let group = 0; group < GROUPS; group++) {
      const clients = cgroups.map((cgroup) => {
        const client = startInLab(lab, 'host', program, [LEARNED[0] as string, String(PORT)]);
        client.enter(cgroup);
        return client;
      });
      for (const [i, { command }] of kinds.entries()) {
        const lanes = clients.map((client) => async () => Number(await client.ask(command)));
        const values = await interleave(lanes, ROUNDS);
        for (const [lane, rounds] of values.entries()) measured[i]?.[lane]?.push(...rounds);
      }
      for (const client of clients) await client.end();
    }
    return kinds.map(({ name, unit, scale }, i) => {
      const [free, ours] = (measured[i] ?? []).map((rates) => rates.map((rate) => rate * scale));
      return figure({
        name: `throughput: ${name}`,
        unit,
        ...times(ours ?? [], free ?? []),
        target: { of: 'ratio', bound: 'at least', limit: LEAST },
      });
    });
  } finally {
    held.close();
    await world.close();
    lab.close();
  }
}
