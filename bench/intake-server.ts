/**
 * The operator's intake alone, for its bench: `node intake-server.ts nothing|violations|all NODES`. Its API server is
 * in memory, its history in a file. Prints port and authority as one line of JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { systemClock } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { History } from '#operator/history/history.ts';
import { openHistory } from '#operator/history/open.ts';
import type { EventSink } from '#operator/intake/sink.ts';
import { authority, reviewOf, serve } from '#operator/intake/testing/served.ts';
import { startViolations } from '#operator/violations/testing/replica.ts';

const [kept = 'nothing', nodes = '1'] = process.argv.slice(2);
const sinks: EventSink[] = [{ name: 'nothing', take: () => Promise.resolve() }];
if (kept !== 'nothing') {
  const { sink } = startViolations({
    api: new MemoryApi(),
    clock: systemClock,
    // A batch is taken when it is written: what is measured is work, and not waiting.
    limits: { rewrite: 50, writesPerSecond: 100_000 },
  });
  sinks.push(sink);
}
if (kept === 'all') {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const store = await openHistory(join(folder, 'history.db'));
  const trouble = (why: string | undefined) => process.stderr.write(`${why}\n`);
  const history = new History({
    store,
    bounds: { rows: 1_000_000, age: 30 * 24 * 3600_000 },
    trouble,
    clock: systemClock,
    registry: new Registry(),
  });
  sinks.push(history.sink);
}
process.on('SIGTERM', () => process.exit(0));
const reviews = Object.fromEntries(
  Array.from({ length: Number(nodes) }, (_, i) => [`token-${i}`, reviewOf(`n${i}`)]),
);
const { server } = await serve({
  sinks,
  reviews,
  limits: {
    reviewsPerSecondOfAddress: 1e6,
    reviewsAtOnce: 1e6,
    rowsPerSecondOfNode: 1e6,
    burstOfNode: 1e6,
  },
});
process.stdout.write(
  `${JSON.stringify({ port: server.port, authority: authority.certificate })}\n`,
);
