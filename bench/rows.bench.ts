/**
 * What rows of evidence cost the agent, stage by stage: from a record of the kernel's ring to a row with its process
 * and its secrets masked; then through an output's queue and the spool on disk; then to an intake in another process,
 * over gRPC and TLS. Rows a second of this process's own processor time.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RowTable } from '#agent/evidence/rows.ts';
import { Operator } from '#agent/outputs/operator.ts';
import type { Receiver } from '#agent/outputs/output.ts';
import { openOutput } from '#agent/outputs/testing/output.ts';
import { recordOf } from '#agent/outputs/testing/planted.ts';
import { defaultBudget } from '#agent/target/budget.ts';
import type { EgressEvent } from '#api/event.ts';
import type { EventRecord } from '#bpf/records.ts';
import { SERVER } from '#operator/intake/testing/served.ts';
import { constantAddress } from '#policy/cidr.ts';
import { type Figure, figure } from './figure.ts';
import { startServer, told } from './server.ts';
import { median, spread } from './statistics.ts';
import { benchPolicy } from './world.ts';

/** All that one target has in the kernel. */
const ROWS = defaultBudget.rows;
const ROUNDS = 9;
const TARGET = 3;
const NOWHERE = new URL('http://127.0.0.1:1');
const NOW = AbortSignal.abort();

type Send = (event: EgressEvent) => void;

export async function run(): Promise<readonly Figure[]> {
  const records = recordsOf();
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  const server = startServer('intake-server.ts', ['nothing', '1']);
  try {
    const taken = { kind: 'taken', refused: 0 } as const;
    const here: Receiver = { deliver: async () => taken, close: () => {} };
    const operator = operatorFolder(folder, await told(server));
    const there = () => new Operator({ folder: operator, node: 'n0', userAgent: 'bench' });
    const stages = [
      ['rows: made of the ring’s records', async () => tell(records, () => {})],
      ['rows: and kept on disk', () => through(records, join(folder, 'here'), here)],
      ['rows: and sent to the operator', () => through(records, join(folder, 'there'), there())],
    ] as const;
    const rates = stages.map((): number[] => []);
    // Stages take turns; what the first round compiles is not measured.
    for (let round = -1; round < ROUNDS; round++) {
      for (const [index, [, stage]] of stages.entries()) {
        const before = process.cpuUsage();
        await stage();
        const { user, system } = process.cpuUsage(before);
        if (round >= 0) rates[index]?.push((ROWS * 1e6) / (user + system));
      }
    }
    const baseline = median(rates[0] ?? []);
    return stages.map(([name], index) => {
      const own = rates[index] ?? [];
      const of = { name, unit: '/s', value: median(own), spread: spread(own) };
      return figure(index === 0 ? of : { ...of, baseline });
    });
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One process that tries a destination each, as the ring tells it. */
function recordsOf(): readonly EventRecord[] {
  const [process] = [
    recordOf({
      ...{ comm: 'node', exe: '/usr/bin/node', name: '', job: '' },
      argv: ['node', 'setup.js', '--token=glpat-0123456789abcdefghij', '/tmp/x'],
    }),
  ];
  return Array.from({ length: ROWS }, (_, index) => {
    const addr = Buffer.alloc(16);
    addr.writeUInt32BE(0xffff, 8);
    addr.writeUInt32BE(constantAddress('198.51.100.0') + (index & 0xff), 12);
    const key = {
      ...{
        start: process.start,
        pid: process.pid,
        target: TARGET,
        name: 0,
        addr,
        rule: 0,
        table: 1,
      },
      ...{ port: 8000 + (index >> 8), proto: 17, reason: 1, passed: 0, hook: 0, _pad: 0 },
    };
    return { time: 1_000_000n, row: [key], has_process: 1, _pad: 0, process: [process] };
  });
}

function tell(records: readonly EventRecord[], onRow: Send): void {
  const policy = benchPolicy([]);
  const table = new RowTable({
    kernel: {
      ...{ row: () => undefined, rowKeys: () => [], partName: () => undefined },
      ...{ process: () => undefined, asker: () => undefined },
    },
    target: {
      ...{ spec: { id: TARGET }, policy, policyOf: () => policy, inForce: { table: 1 } },
      names: { nameOf: () => null },
    },
    labels: { target: 't', namespace: 'ci', pod: 'p', project_id: '42', job_name: 'install' },
    ...{
      now: Date.now,
      wallTime: (boot) => Number(boot / 1_000_000n),
      outside: () => false,
      onRow,
    },
  });
  table.add(records);
}

async function through(
  records: readonly EventRecord[],
  folder: string,
  receiver: Receiver,
): Promise<void> {
  const { output, tally } = openOutput({ url: NOWHERE, folder, receiver });
  tell(records, (event) => output.send(event));
  while (output.waiting > 0) await sleep(1);
  await output.end(NOW);
  if (tally.counts.sent !== ROWS) throw new Error(`${tally.counts.sent} rows were sent`);
}

function operatorFolder(
  folder: string,
  { port, authority }: { readonly port: number; readonly authority: string },
): string {
  const place = join(folder, 'operator');
  mkdirSync(place);
  const files = { address: `127.0.0.1:${port}`, 'server-name': SERVER, token: 'token-0' };
  for (const [name, text] of Object.entries({ ...files, 'ca.crt': authority })) {
    writeFileSync(join(place, name), text);
  }
  return place;
}
