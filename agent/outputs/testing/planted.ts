/** Rows of a real table of rows whose process, name and labels hold what a test plants. */
import type { EgressEvent } from '#api/event.ts';
import { processRecord } from '#bpf/layout.ts';
import type { ProcessRecord } from '#bpf/records.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { RowTable } from '../../evidence/rows.ts';

const policy: CompiledPolicy = {
  ...{ mode: 'Block', digest: 'd', names: [], cidrs: [], upstreams: [] },
  rules: [{ name: 'default', policy: '' }],
};

export interface Planted {
  readonly argv: readonly string[];
  readonly comm: string;
  readonly exe: string;
  readonly name: string;
  readonly job: string;
}

/** What the table tells of one refused look-up, as it happens and at the end. */
export function rowsOf(planted: Planted): readonly EgressEvent[] {
  const told: EgressEvent[] = [];
  const record = recordOf(planted);
  const table = new RowTable({
    kernel: {
      ...{ row: () => undefined, rowKeys: () => [], partName: () => undefined },
      process: () => record,
      asker: () => ({ pid: 5, start: 7n }),
    },
    target: {
      ...{ spec: { id: 3 }, policy, policyOf: () => policy, inForce: { table: 1 } },
      names: { nameOf: () => null },
    },
    labels: { target: 't', namespace: 'ci', pod: 'p', project_id: '42', job_name: planted.job },
    now: () => 1000,
    wallTime: Number,
    outside: () => false,
    onRow: (event) => void told.push(event),
  });
  table.refused({
    ...{ name: planted.name, type: 1, reason: 'default', rule: 0, cname: null, address: null },
    ...{ client: { address: '127.0.0.1', port: 4000, transport: 'udp' }, resolved: false },
  });
  return [...told, ...table.finish().map(({ event }) => event)];
}

/** As the kernel keeps it: fields are cut where they are full. */
export function recordOf({ argv, comm, exe }: Planted): ProcessRecord {
  const empty = processRecord.read(Buffer.alloc(processRecord.size));
  const words = Buffer.from(argv.map((word) => `${word}\0`).join(''));
  const kept = words.subarray(0, empty.argv.length);
  return {
    ...empty,
    ...{ pid: 5, start: 7n, ancestors: 1, argv_size: kept.length },
    comm: field(comm, empty.comm.length),
    exe: field(exe, empty.exe.length),
    argv: field(kept, empty.argv.length),
    ancestor: [{ ...empty.ancestor[0], pid: 4, comm: field(comm, empty.comm.length) }],
  } as ProcessRecord;
}

function field(value: string | Buffer, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  Buffer.from(value).copy(bytes);
  return bytes;
}
