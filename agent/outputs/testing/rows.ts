/** A row for tests of outputs, and what an output counted. */
import type { EgressEvent } from '#api/event.ts';
import type { DropReason, Tally } from '../output.ts';

export function rowOf(change: Partial<EgressEvent> = {}): EgressEvent {
  return {
    ...{
      version: 1,
      id: 'row',
      time: '2026-01-02T03:04:05.678Z',
      last_seen: '2026-01-02T03:04:06.000Z',
    },
    ...{ action: 'block', target: 't', namespace: 'ci', pod: 'runner-1', container: 'build' },
    ...{
      project_id: '42',
      job_name: 'install',
      job_url: null,
      pid: 77,
      comm: 'node',
      parent_comm: 'npm',
    },
    ...{ exe: '/usr/bin/node', argv: 'node setup.js', uid: 1000 },
    ...{
      ancestry: [
        { pid: 5, comm: 'sh' },
        { pid: 76, comm: 'npm' },
      ],
    },
    ...{ domain: 'evil.example', ip: '192.0.2.1', port: 8000, protocol: 'tcp', count: 1, added: 1 },
    ...{ rule: 'default', policy: null, reason: 'default' },
    ...change,
  };
}

export interface Counted extends Tally {
  readonly counts: { sent: number; retried: number; dropped: Record<DropReason, number> };
  /** That rows stood for which were dropped, as far as it is known. */
  readonly attempts: Readonly<Record<DropReason, number>>;
  /** Rows that are delivered or lost. */
  readonly settled: number;
}

export function countingTally(): Counted {
  const none = { full: 0, refused: 0, unreadable: 0, ended: 0 };
  const [counts, lost] = [{ sent: 0, retried: 0, dropped: { ...none } }, { ...none }];
  return {
    counts,
    attempts: lost,
    get settled() {
      return counts.sent + Object.values(counts.dropped).reduce((sum, rows) => sum + rows, 0);
    },
    sent: (rows) => {
      counts.sent += rows;
    },
    retried: () => {
      counts.retried++;
    },
    dropped: (rows, reason, attempts = 0) => {
      counts.dropped[reason] += rows;
      lost[reason] += attempts;
    },
  };
}

/** Looks again until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
