/**
 * What a flood of 10,000 destinations of 1,000 jobs makes of Violations, over gRPC and TLS on loopback, with an API
 * in memory: objects, writes, and every attempt counted.
 */
import type { EgressEvent } from '#api/event.ts';
import { systemClock } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { caller, reviewOf, serve } from '#operator/intake/testing/served.ts';
import { violations } from '#operator/resources.ts';
import { startViolations } from '#operator/violations/testing/replica.ts';
import { rowOf } from '#operator/violations/testing/rows.ts';
import { type Figure, figure } from './figure.ts';

const NODES = 64;
const BATCH = 512;

const DESTINATIONS = 10_000;
const JOBS = 1000;

export async function run(): Promise<readonly Figure[]> {
  const rows = Array.from({ length: DESTINATIONS }, (_, at) =>
    rowNow({ job_name: `job-${at % JOBS}`, domain: `${at}.example`, count: 3, added: 3 }),
  );
  const batches = Array.from({ length: Math.ceil(DESTINATIONS / BATCH) }, (_, at) =>
    rows.slice(at * BATCH, (at + 1) * BATCH),
  );
  const { api, seconds } = await sendAll(batches);
  const counted = api.list(violations).map(({ spec }) => (spec as { count: number }).count);
  const sum = counted.reduce((all, one) => all + one, 0);
  return [
    figure({
      name: 'violations: attempts miscounted, of a flood of 10,000 destinations of 1,000 jobs',
      unit: 'attempts',
      value: Math.abs(sum - DESTINATIONS * 3),
      target: { bound: 'at most', limit: 0 },
    }),
    figure({
      name: 'violations: objects that it makes',
      unit: 'objects',
      value: counted.length,
      target: { bound: 'at most', limit: 501 },
    }),
    figure({
      name: 'violations: writes that it makes',
      unit: 'writes',
      value: api.writes.length,
      target: { bound: 'at most', limit: 600 },
    }),
    figure({ name: 'violations: until all of it is written', unit: 's', value: seconds }),
  ];
}

/** One batch after the other of each node, all nodes at once. */
async function sendAll(batches: readonly (readonly EgressEvent[])[]) {
  const api = new MemoryApi();
  const { sink, operator, stop } = startViolations({ api, clock: systemClock });
  const names = Array.from({ length: NODES }, (_, at) => `node-${at}`);
  const { server } = await serve({
    sinks: [sink],
    leads: () => operator.leading,
    reviews: Object.fromEntries(names.map((name) => [name, reviewOf(name)])),
    limits: { batches: NODES, burstOfNode: 1e6, reviewsPerSecondOfAddress: 1e6 },
  });
  const callers = names.map(() => caller(server.port));
  const began = performance.now();
  try {
    await Promise.all(
      callers.map(async (one, node) => {
        let from = 1;
        for (let at = node; at < batches.length; at += NODES) {
          await deliver(one, names[node] ?? '', batches[at] ?? [], from);
          from += batches[at]?.length ?? 0;
        }
      }),
    );
    return { api, seconds: (performance.now() - began) / 1000 };
  } finally {
    for (const { close } of callers) close();
    await server.close(0);
    await stop();
  }
}

async function deliver(
  { send }: ReturnType<typeof caller>,
  node: string,
  rows: readonly EgressEvent[],
  from: number,
): Promise<void> {
  const { status } = await send(node, { node, rows, from }).outcome;
  if (status !== 'OK') throw new Error(`a batch of ${node}: ${status}`);
}

function rowNow(change: Partial<EgressEvent>): EgressEvent {
  const now = new Date().toISOString();
  return rowOf({ time: now, last_seen: now, ...change });
}
