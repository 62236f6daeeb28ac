/** What no row was left for, as one row: nothing is known of it but how often it was. */
import type { EgressEvent } from '#api/event.ts';
import { rowId } from './identity.ts';
import { unknownProcess } from './process.ts';
import type { TargetLabels } from './rows.ts';

/** In place of a rule. */
const RULE = 'beyond what rows are kept for';

export interface Overflow {
  readonly labels: TargetLabels;
  readonly mode: 'Block' | 'Observe';
  readonly refused: number;
  /** When the target was first held, and now; wall time, ms. */
  readonly since: number;
  readonly now: number;
}

/** Undefined where a row stands for everything. */
export function overflowRow(overflow: Overflow): EgressEvent | undefined {
  const { labels, mode, refused, since, now } = overflow;
  if (refused === 0) return undefined;
  return {
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
    ...{ rule: RULE, count: refused, added: refused },
  };
}
