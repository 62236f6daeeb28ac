/** A row while it is added up. */
import type { EgressEvent } from '#api/event.ts';
import type { Part } from './told-row.ts';

export interface Entry {
  readonly event: EgressEvent;
  /** With the pid, the identity of the process. */
  readonly start: bigint;
  /** Kernel rows, or query types, that this row is made of: few. */
  readonly counts: Counted[];
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
  /** Of a refused lookup: under which key it is written down how much of it was told, where it is. */
  readonly row: string | undefined;
}

export interface Counted {
  /** The kernel's key, in latin1, or a query type. */
  readonly of: string;
  count: number;
  /** How much of it was told; of kernel rows alone. */
  told: number;
}

/** What it adds to what was told, by the rows behind it; from now on that is told. */
export function partsOf({ counts, lookup, row, event, told }: Entry): readonly Part[] {
  if (lookup) return row && event.count > told ? [{ row, from: told, to: event.count }] : [];
  const parts: Part[] = [];
  for (const one of counts) {
    if (one.count <= one.told) continue;
    parts.push({ row: one.of, from: one.told, to: one.count });
    one.told = one.count;
  }
  return parts;
}

export function countedOf({ counts }: Entry, of: string): Counted {
  const known = counts.find((one) => one.of === of);
  if (known) return known;
  const fresh = { of, count: 0, told: 0 };
  counts.push(fresh);
  return fresh;
}

/** Sets how often one part of a row happened. Types of a look-up are one attempt, so the most counts. */
export function count(entry: Entry, part: string, times: number, lastSeen: number): void {
  const one = countedOf(entry, part);
  const more = Math.max(0, times - one.count);
  one.count += more;
  const { event, lookup } = entry;
  event.count = lookup ? Math.max(event.count, one.count) : event.count + more;
  const at = new Date(lastSeen).toISOString();
  if (at > event.last_seen) event.last_seen = at;
}
