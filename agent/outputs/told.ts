/**
 * How much of the kernel's rows each output has been told, over the end of any agent. Written into pinned maps before
 * rows go to the spool, with their place in it; the next agent looks how far the spool has got, and so knows what
 * counts. What is delivered without a spool is written down when it is delivered.
 */
import { rowKey } from '#bpf/layout.ts';
import type { Told, ToldOutput } from '#bpf/records.ts';
import type { ToldTable } from '#bpf/told-table.ts';
import type { Part, ToldRow, Told as ToldToAll } from '../evidence/told-row.ts';
import type { Queued } from './output.ts';

/** One output at its start. */
export interface Beginning {
  readonly name: string;
  /** Who numbers its rows from now on; empty where it has no spool. */
  readonly instance: string;
  /** The last number that the spool holds of each instance. */
  readonly spooled: ReadonlyMap<string, number>;
}

/** What one output says of its rows. */
export interface OutputTold {
  /** What is new to it; undefined where it has been told all of it. */
  rest(row: ToldRow): ToldRow | undefined;
  /** They go to the spool now, no row twice. */
  writing(records: readonly Queued[]): void;
  /** The spool has all up to this number. */
  written(seq: number): void;
  /** They were not written: they wait in memory again. */
  unwritten(records: readonly Queued[]): void;
  /** They are delivered, or lost and counted: nobody has to tell them again. */
  settled(parts: Iterable<Part>): void;
}

/** Nothing outlives this process. */
export const untold: OutputTold = {
  rest: (row) => row,
  writing: () => {},
  written: () => {},
  unwritten: () => {},
  settled: () => {},
};

type Table = Pick<ToldTable, 'read' | 'write' | 'delete' | 'keys' | 'outputs' | 'setOutput'>;

export class ToldRows implements ToldToAll {
  readonly #outputs: readonly Recorded[];
  readonly #gone = new Set<number>();

  /**
   * Takes over from the agent before. `targets`: ids of those that the kernel knows. `fault`: there was no room for
   * what was told; the next agent tells it again.
   */
  constructor(
    table: Table,
    beginnings: readonly Beginning[],
    { targets, fault }: { readonly targets: ReadonlySet<number>; fault(error: unknown): void },
  ) {
    const before = table.outputs();
    const numbers = placesFor(
      before.map(({ name }) => name),
      beginnings.map(({ name }) => name),
    );
    this.#outputs = beginnings.flatMap((beginning, index) => {
      const number = numbers[index];
      if (number === undefined) return [];
      const was = before[number];
      const known = was?.name === beginning.name ? was : undefined;
      return new Recorded(table, number, beginning, { known, fault, gone: this.#gone });
    });
    const live = new Map(this.#outputs.map((output) => [output.number, output]));
    for (const { row, output } of table.keys()) {
      const owner = live.get(output);
      if (owner?.isKnown && targets.has(targetOf(row))) owner.decide(row);
      else table.delete(row, output);
    }
    for (const output of this.#outputs) output.begin();
  }

  /** How much of a row every output has been told. */
  of(row: Buffer): number {
    const counts = this.#outputs.map((output) => output.of(row));
    const least = counts.length === 0 ? 0 : Math.min(...counts);
    for (const [index, count] of counts.entries()) {
      if (count > least) this.#outputs[index]?.ahead(row, count);
    }
    return least;
  }

  /** Every output has it where the end of this process cannot take it away. */
  isKept(row: Buffer, count: number): boolean {
    return this.#outputs.every((output) => output.of(row) >= count);
  }

  giveUp(target: number): void {
    this.#gone.add(target);
  }

  output(name: string): OutputTold {
    return this.#outputs.find((output) => output.name === name) ?? untold;
  }
}

/** A number for each name: the one it had, else one that is free, else one whose output is no more. */
function placesFor(
  before: readonly string[],
  names: readonly string[],
): readonly (number | undefined)[] {
  const wanted = new Set(names);
  const numbers = before.map((_, number) => number);
  const spare = [
    ...numbers.filter((number) => before[number] === ''),
    ...numbers.filter((number) => before[number] !== '' && !wanted.has(before[number] ?? '')),
  ];
  return names.map((name) => {
    const known = before.indexOf(name);
    return known < 0 ? spare.shift() : known;
  });
}

class Recorded implements OutputTold {
  readonly name: string;
  readonly number: number;
  readonly #table: Table;
  readonly #instance: string;
  readonly #known: ToldOutput | undefined;
  readonly #fault: (error: unknown) => void;
  readonly #gone: ReadonlySet<number>;
  /** Rows of which it has been told more than others have, and how much. */
  readonly #ahead = new Map<string, number>();
  /** As far as its spool has got, and where this instance's numbers begin. */
  #place: bigint;
  #base: bigint;
  #full = false;

  constructor(
    table: Table,
    number: number,
    { name, instance, spooled }: Beginning,
    {
      known,
      fault,
      gone,
    }: {
      readonly known: ToldOutput | undefined;
      readonly gone: ReadonlySet<number>;
      fault(error: unknown): void;
    },
  ) {
    this.#table = table;
    this.number = number;
    this.name = name;
    this.#instance = instance;
    this.#known = known;
    this.#fault = fault;
    this.#gone = gone;
    // A spool is written in order, and rows leave it only when `place` says that they were there.
    const found = known && known.base + BigInt(spooled.get(known.instance) ?? 0);
    this.#place = known === undefined ? 0n : maxOf(known.place, found ?? 0n);
    this.#base = this.#place;
  }

  get isKnown(): boolean {
    return this.#known !== undefined;
  }

  /** Of what the agent before had begun to write: was it written? */
  decide(row: Buffer): void {
    const told = this.#table.read(row, this.number);
    if (told === undefined || told.place <= this.#place) return;
    this.#holds(row.toString('latin1'), Number(told.before));
  }

  /** Once all is decided: numbers that come are above those that were. */
  begin(): void {
    this.#note();
  }

  of(row: Buffer): number {
    const told = this.#table.read(row, this.number);
    if (told === undefined) return 0;
    return Number(told.place <= this.#place ? told.count : told.before);
  }

  ahead(row: Buffer, count: number): void {
    this.#ahead.set(row.toString('latin1'), count);
  }

  rest(row: ToldRow): ToldRow | undefined {
    if (this.#ahead.size === 0 || !row.parts.some((part) => this.#ahead.has(part.row))) return row;
    const parts = row.parts.flatMap((part) => this.#restOf(part));
    const [all, left] = [spanOf(row.parts), spanOf(parts)];
    if (all === left) return row;
    if (left === 0) return undefined;
    const { event } = row;
    return { event: { ...event, added: (event.added ?? event.count) - all + left }, parts };
  }

  #restOf(part: Part): readonly Part[] {
    const known = this.#ahead.get(part.row) ?? 0;
    if (part.to >= known) this.#ahead.delete(part.row);
    const from = Math.max(part.from, known);
    return from >= part.to ? [] : [{ ...part, from }];
  }

  writing(records: readonly Queued[]): void {
    for (const { seq, parts } of records) {
      const place = this.#base + BigInt(seq);
      for (const { row, from, to } of parts)
        this.#write(row, { count: BigInt(to), before: BigInt(from), place });
    }
  }

  written(seq: number): void {
    this.#place = this.#base + BigInt(seq);
    this.#note();
  }

  unwritten(records: readonly Queued[]): void {
    for (const { row, from } of records.flatMap(({ parts }) => parts)) this.#holds(row, from);
  }

  settled(parts: Iterable<Part>): void {
    for (const { row, to } of parts) this.#holds(row, to);
  }

  #holds(row: string, count: number): void {
    this.#write(row, { count: BigInt(count), before: BigInt(count), place: 0n });
  }

  #write(row: string, told: Told): void {
    const key = Buffer.from(row, 'latin1');
    if (this.#gone.size > 0 && this.#gone.has(targetOf(key))) return;
    try {
      this.#table.write(key, this.number, told);
      this.#full = false;
    } catch (error) {
      if (!this.#full) this.#fault(error);
      this.#full = true;
    }
  }

  #note(): void {
    const { name } = this;
    const texts = { name, instance: this.#instance };
    this.#table.setOutput(this.number, { place: this.#place, base: this.#base, ...texts });
  }
}

function targetOf(row: Buffer): number {
  return row.readUInt32LE(rowKey.offsets.target as number);
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function spanOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { from, to }) => sum + to - from, 0);
}
