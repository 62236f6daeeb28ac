/** What a target left that a process before this one held, and whose cgroup is gone: its last rows. */

import type { EgressEvent } from '#api/event.ts';
import type { KeptTarget } from '#bpf/kept-state.ts';
import type { Kernel } from '#bpf/kernel.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { overflowRow } from '../evidence/overflow.ts';
import { RowTable, type TargetLabels } from '../evidence/rows.ts';
import type { Part, Told, ToldRow } from '../evidence/told-row.ts';
import { type Last, lastRows, wallClock } from './lingering.ts';

export interface Burial {
  readonly told: Told | undefined;
  /** The policy of a digest, hex, where somebody remembers it. */
  policyOf(digest: string): CompiledPolicy | undefined;
  /** A row that was never told, and then one that was, with all that it adds. */
  onRow(event: EgressEvent, parts: readonly Part[]): void;
  onCount(row: ToldRow): void;
}

/** In place of one that nobody remembers: its rules are not guessed. */
const unknown: CompiledPolicy = {
  ...{ mode: 'Block', digest: '', rules: [], names: [], cidrs: [], upstreams: [] },
};

/** Undefined where nobody knows whose rows they are. */
export async function bury(
  kernel: Kernel,
  before: KeptTarget,
  { told, policyOf, onRow, onCount }: Burial,
): Promise<Omit<Last, 'release'> | undefined> {
  if (before.labels === '') return undefined;
  const { id, slot, cgroup, digest, formerTable } = before;
  if (before.carried) kernel.keeping.carryRows(id, slot);
  const labels = JSON.parse(before.labels) as TargetLabels;
  const policy = policyOf(digest);
  const names = new Map(before.names.map((one) => [one.id, one.name]));
  const wallTime = wallClock();
  const table = new RowTable({
    kernel,
    target: {
      ...{ spec: { id }, policy: policy ?? unknown, inForce: { table: formerTable } },
      names: { nameOf: (name) => names.get(name) || null },
      policyOf: (number) => (number === formerTable ? policy : undefined),
    },
    ...{ labels, now: Date.now, wallTime, onRow },
    outside: () => false,
    toldOf: (row) => told?.of(row) ?? 0,
  });
  table.recall();
  for (const row of table.finish()) if (row.event.added !== 0) onCount(row);
  const { refused } = kernel.overflow(slot);
  const times = { since: Date.now(), now: Date.now() };
  const { mode } = policy ?? unknown;
  const beyond = overflowRow({
    ...{ labels, mode, refused, elsewhere: table.overflow, target: id, told, ...times },
  });
  if (beyond && beyond.event.added !== 0) onCount(beyond);
  const last = lastRows(kernel, before, told);
  return last && { ...last, cgroup, digest };
}
