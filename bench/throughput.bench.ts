/**
 * What a held process still gets through, beside the same client in a cgroup that nobody holds: bytes of
 * one stream, real HTTP requests on one connection and on a connection each. The other side is in another
 * network namespace. Bare sockets that do nothing else but open, ask and close show the connection's own
 * price: that is watched, no program is like it.
 */
import { join } from 'node:path';
import { createLab, type Lab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import { ALLOWED, heldLane, LEARNED, PORT } from './lanes.ts';
import { interleave, times } from './statistics.ts';
import { buildProgram, startInLab, type Worker } from './worker.ts';
import { createBenchWorld } from './world.ts';

/**
 * Each with processes of its own: where one lies in memory is worth a hundredth or two. So both lanes are the same
 * process, which goes from one cgroup to the other and opens new sockets there.
 */
const GROUPS = 8;
const ROUNDS = 6;
const LEAST = 0.98;
/** Beside the peer's two; the policy of the lanes allows all of them. */
const HTTP_PORT = PORT + 2;

/** Each takes some 30 to 50 ms. */
const kinds = [
  {
    name: 'TCP stream',
    by: 'bare',
    command: 'stream 50',
    unit: 'Gbit/s',
    scale: 8 / 1e9,
    least: LEAST,
  },
  {
    name: 'HTTP requests on one connection',
    by: 'http',
    command: 'keep 300',
    unit: 'k/s',
    scale: 1 / 1e3,
    least: LEAST,
  },
  {
    name: 'HTTP requests on a connection each',
    by: 'http',
    command: 'close 200',
    unit: 'k/s',
    scale: 1 / 1e3,
    least: LEAST,
  },
  {
    name: 'bare sockets, one connection',
    by: 'bare',
    command: 'keep 2000',
    unit: 'k/s',
    scale: 1 / 1e3,
  },
  {
    name: 'bare sockets, a connection each',
    by: 'bare',
    command: 'connect 1000',
    unit: 'k/s',
    scale: 1 / 1e3,
  },
] as const;

type By = (typeof kinds)[number]['by'];

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: [...LEARNED, ...ALLOWED] });
  const world = createBenchWorld();
  const held = await heldLane(world, 10);
  try {
    const address = LEARNED[0] as string;
    await startInLab(lab, 'net', buildProgram(world.folder, 'peer'), [String(PORT)]).next();
    await startHttp(lab, 'net', 'server', address).next();
    const program = buildProgram(world.folder, 'client');
    const cgroups = [world.cgroup().cgroup, held.inner.cgroup];
    const measured = kinds.map((): [free: number[], ours: number[]] => [[], []]);
    for (let group = 0; group < GROUPS; group++) {
      const clients: Record<By, Worker> = {
        bare: startInLab(lab, 'host', program, [address, String(PORT)]),
        http: startHttp(lab, 'host', 'client', address),
      };
      for (const [i, { by, command }] of kinds.entries()) {
        const lanes = cgroups.map((cgroup) => async () => {
          clients[by].enter(cgroup);
          return Number(await clients[by].ask(command));
        });
        const values = await interleave(lanes, ROUNDS);
        for (const [lane, rounds] of values.entries()) measured[i]?.[lane]?.push(...rounds);
      }
      for (const client of Object.values(clients)) await client.end();
    }
    return kinds.map(({ name, unit, scale, ...kind }, i) => {
      const [free, ours] = (measured[i] ?? []).map((rates) => rates.map((rate) => rate * scale));
      return figure({
        name: `throughput: ${name}`,
        unit,
        ...times(ours ?? [], free ?? []),
        ...('least' in kind
          ? { target: { of: 'ratio', bound: 'at least', limit: kind.least } as const }
          : {}),
      });
    });
  } finally {
    held.close();
    await world.close();
    lab.close();
  }
}

function startHttp(lab: Lab, side: 'net' | 'host', role: string, address: string): Worker {
  const script = join(import.meta.dirname, 'http.ts');
  return startInLab(lab, side, process.execPath, [script, role, address, String(HTTP_PORT)]);
}
