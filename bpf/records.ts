/** What the maps hold, as this program speaks of it: records that are read, and lines that are written. */
import type { Permission } from '#policy/types.ts';
import * as layout from './layout.ts';
import type { Fields, Struct, Values } from './struct.ts';

type Read<S> = S extends Struct<infer F extends Fields> ? Values<F> : never;
export type TargetRecord = Read<typeof layout.target>;
export type ProcessRecord = Read<typeof layout.processRecord>;
export type RowKey = Read<typeof layout.rowKey>;
export type Row = Read<typeof layout.row>;
export type Told = Read<typeof layout.told>;
/** An output as the maps know it: see struct tw_output. */
export interface ToldOutput {
  readonly place: bigint;
  readonly base: bigint;
  readonly name: string;
  readonly instance: string;
}
/** A refused lookup as it is written down: struct tw_lookup. */
export interface KeptLookup {
  /** With the start, who asked; 0: nobody knows. */
  readonly pid: number;
  readonly start: bigint;
  /** Wall time, ms. */
  readonly first: number;
  readonly last: number;
  /** How often it was asked for by each type of query. */
  readonly types: readonly { readonly type: number; readonly count: number }[];
  /** Lower-case, escaped. */
  readonly name: string;
  /** In the answer; IPv4, host order. */
  readonly address: number | null;
  readonly table: number;
  readonly rule: number;
  /** Index into `reasons` of api/event.ts. */
  readonly reason: number;
  /** Let pass all the same (Observe). */
  readonly passed: boolean;
}
export type EventRecord = Read<typeof layout.event>;
export type LearnedName = Read<typeof layout.learnedName>;
export type Counters = Record<(typeof layout.counterNames)[number], number>;

/** Lines under one rule table, as elements of `names` and `cidrs` hold them. */
export function linesOf(table: number, permissions: readonly Permission[]) {
  return {
    table,
    count: permissions.length,
    line: permissions.map((p) => ({
      from: p.from,
      to: p.to,
      proto: p.protocol,
      deny: p.action === 'deny' ? 1 : 0,
      rule: p.rule,
    })),
  };
}

/** Of the ring: each with its size before it. */
export function readEvents(records: Buffer): EventRecord[] {
  const events: EventRecord[] = [];
  for (let at = 0; at < records.length; ) {
    const size = records.readUInt32LE(at);
    events.push(layout.event.read(records, at + 4));
    at += 4 + size;
  }
  return events;
}

/** One counter, which each processor has a part of. */
export function sumOf(parts: Buffer): number {
  let sum = 0;
  for (let at = 0; at < parts.length; at += 8) sum += Number(parts.readBigUInt64LE(at));
  return sum;
}

/** A text in a field of its own, up to the first NUL. */
export function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? field.length : end);
}

/** Elements that lie one behind the other, each of so many bytes. */
export function slices(all: Buffer, size: number): Buffer[] {
  return Array.from({ length: all.length / size }, (_, at) =>
    all.subarray(at * size, (at + 1) * size),
  );
}
