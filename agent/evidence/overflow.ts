/** What no row was left for, as one row: nothing is known of it but how often it was. */
import type { EgressEvent } from '#api/event.ts';
import { toldLookupKey } from '#bpf/lookup-table.ts';
import { overflowKey } from '#bpf/told-table.ts';
import { rowId } from './identity.ts';
import { unknownProcess } from './process.ts';
import { BEYOND } from './refused-lookups.ts';
import type { TargetLabels } from './rows.ts';
import type { Part, Told, ToldRow } from './told-row.ts';

/** In place of a rule. */
const RULE = 'beyond what rows are kept for';

export interface Overflow {
  readonly labels: TargetLabels;
  readonly mode: 'Block' | 'Observe';
  /** As the kernel has counted. */
  readonly refused: number;
  /** Refused lookups, which it has not. */
  readonly elsewhere: number;
  readonly target: number;
  readonly told: Pick<Told, 'of'> | undefined;
  /** When the target was first held, and now; wall time, ms. */
  readonly since: number;
  readonly now: number;
}

/** Undefined where a row stands for everything. */
export function overflowRow(overflow: Overflow): ToldRow | undefined {
  const { labels, mode, refused, elsewhere, since, now, target, told } = overflow;
  const count = refused + elsewhere;
  if (count === 0) return undefined;
  const parts = [
    ...partOf(overflowKey(target), refused, told),
    ...partOf(toldLookupKey(target, BEYOND), elsewhere, told),
  ];
  const added = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  const event: EgressEvent = {
    version: 1,
    id: rowId(labels.target, 'overflow'),
    time: new Date(since).toISOString(),
    last_seen: new Date(now).toISOString(),
    job_url: null,
    ...labels,
    container: null,
    ...unknownProcess,
    action: mode === 'Observe' ? 'observe' : 'block',
    ...{ domain: null, ip: null, port: null, protocol: null, reason: 'none', policy: null },
    ...{ rule: RULE, count, added },
  };
  return { event, parts };
}

function partOf(row: Buffer, count: number, told: Overflow['told']): readonly Part[] {
  const from = told?.of(row) ?? 0;
  return count > from ? [{ row: row.toString('latin1'), from, to: count }] : [];
}
