/**
 * What a held process still gets through: bytes of one stream, requests on one connection, requests on a
 * connection each, beside the same client in a cgroup that nobody holds. The other side is in another
 * network namespace.
 */
import { createLab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import { ALLOWED, heldLane, LEARNED, PORT } from './lanes.ts';
import { interleave, times } from './statistics.ts';
import { buildProgram, startInLab, type Worker } from './worker.ts';
import { createBenchWorld } from './world.ts';

const ROUNDS = 40;
const LEAST = 0.98;

/** Each measures for some 100 ms. */
const kinds = [
  { name: 'TCP stream', command: 'stream 100', unit: 'Gbit/s', scale: 8 / 1e9 },
  { name: 'requests on one connection', command: 'keep 2000', unit: 'k/s', scale: 1 / 1e3 },
  { name: 'requests on a connection each', command: 'connect 1000', unit: 'k/s', scale: 1 / 1e3 },
] as const;

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: [...LEARNED, ...ALLOWED] });
  const world = createBenchWorld();
  const held = await heldLane(world, 10);
  const workers: Worker[] = [];
  try {
    await startInLab(lab, 'net', buildProgram(world.folder, 'peer'), [String(PORT)]).next();
    const program = buildProgram(world.folder, 'client');
    const clients = [world.cgroup().cgroup, held.inner.cgroup].map((cgroup) => {
      const args = [LEARNED[0] as string, String(PORT)];
      const client = startInLab(lab, 'host', program, args);
      workers.push(client);
      client.enter(cgroup);
      return client;
    });
    const figures: Figure[] = [];
    for (const { name, command, unit, scale } of kinds) {
      const lanes = clients.map((client) => async () => Number(await client.ask(command)) * scale);
      const [free = [], ours = []] = await interleave(lanes, ROUNDS);
      figures.push(
        figure({
          name: `throughput: ${name}`,
          unit,
          ...times(ours, free),
          target: { of: 'ratio', bound: 'at least', limit: LEAST },
        }),
      );
    }
    return figures;
  } finally {
    for (const worker of workers) await worker.end();
    held.close();
    await world.close();
    lab.close();
  }
}
