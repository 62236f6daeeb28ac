/** A row while it is added up. */
import type { EgressEvent } from '#api/event.ts';
import type { Part } from './told-row.ts';

export interface Entry {
  readonly event: EgressEvent;
  /** With the pid, the identity of the process. */
  readonly start: bigint;
  /** Count of each kernel row, or of each query type, that this row is made of. */
  readonly counts: Map<string, number>;
  /** A look-up: queries of several types are one attempt. */
  readonly lookup: boolean;
  /** The name was resolved: not told yet, a connection to it may follow. */
  waiting: boolean;
  /** A connection's row took this one's place. */
  merged: boolean;
  /** Its container's name, where that has to be asked for. */
  readonly naming: Promise<void> | undefined;
  /** Its first telling, which waits for that name. */
  saying: Promise<void> | undefined;
  /** How much of its count was told. */
  told: number;
  /** The same of each kernel row that it is made of. */
  readonly toldOf: Map<string, number>;
}

/** What it adds to what was told, by the kernel's rows behind it; from now on that is told. */
export function partsOf({ counts, toldOf, lookup }: Entry): readonly Part[] {
  if (lookup) return [];
  const parts: Part[] = [];
  for (const [row, to] of counts) {
    const from = toldOf.get(row) ?? 0;
    if (to <= from) continue;
    parts.push({ row, from, to });
    toldOf.set(row, to);
  }
  return parts;
}

/** Sets how often one part of a row happened. Types of a look-up are one attempt, so the most counts. */
export function count(entry: Entry, part: string, times: number, lastSeen: number): void {
  entry.counts.set(part, Math.max(times, entry.counts.get(part) ?? 0));
  const counts = [...entry.counts.values()];
  entry.event.count = entry.lookup ? Math.max(...counts) : counts.reduce((a, b) => a + b, 0);
  const at = new Date(lastSeen).toISOString();
  if (at > entry.event.last_seen) entry.event.last_seen = at;
}
