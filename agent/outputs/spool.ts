/**
 * Rows on disk, within a bound of bytes, in the order they came: what a receiver that is away has not got yet, also
 * over the end of this agent. Written without fsync: a process may die at any moment, a node that loses power may lose
 * the last seconds.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { asciiJson } from '#api/escape.ts';
import type { Batch, Numbered, Queued } from './output.ts';
import { type Lines, Room, Segment } from './segment.ts';
import { type OutputTold, untold } from './told.ts';

/** A file that has grown to this is followed by another one, bytes: what is read at once and removed at once. */
const SEGMENT = 256 * 1024;

export interface SpoolOptions {
  readonly folder: string;
  /** Bytes that it may hold. */
  readonly bound: number;
  readonly instance: string;
  /** When that began, ms. */
  readonly started: number;
  /** Rows that cannot be read. */
  unreadable(rows: number): void;
}

/** Where a batch lies; only the spool that gave it knows more. */
export interface Spooled extends Batch {
  readonly segment: Segment;
  readonly lines: Lines;
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #segments: Segment[] = [];
  readonly #room = new Room();
  readonly #found = new Map<string, number>();
  #turn: Promise<unknown>;

  /** Begins with what agents before this one have left. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    // Where that cannot be looked at, nothing can be written either, and that is told.
    this.#turn = this.#find().catch(() => {});
  }

  get rows(): number {
    return this.#segments.reduce((sum, { lines }) => sum + lines, 0);
  }

  /** More than half of what it may hold is there. */
  get isHalfFull(): boolean {
    return this.#used > this.#options.bound / 2;
  }

  get #used(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  /** The last number of each instance that an agent before this one has left here. */
  async found(): Promise<ReadonlyMap<string, number>> {
    await this.#turn;
    return this.#found;
  }

  /**
   * All or nothing. False where the bound leaves no room; rejects where the disk does. `told` hears of it before
   * anything is written, and before anything that was written can be taken.
   */
  append(
    records: readonly Queued[],
    told: Pick<OutputTold, 'writing' | 'written' | 'unwritten'> = untold,
  ): Promise<boolean> {
    return this.#inTurn(async () => {
      const text = records.map(lineOf).join('');
      const bytes = this.#room.of(text.length);
      bytes.write(text, 'latin1');
      if (this.#used + bytes.length > this.#options.bound) return false;
      const segment = await this.#current(records[0]?.seq ?? 0);
      told.writing(records);
      try {
        await segment.append(bytes, records.length);
      } catch (error) {
        told.unwritten(records);
        await this.#setAside(segment);
        throw error;
      }
      told.written(records.at(-1)?.seq ?? 0);
      if (segment.size >= SEGMENT) await segment.seal();
      return true;
    });
  }

  /** The oldest rows, which stay until they are done; undefined where there are none. */
  read(most: number): Promise<Spooled | undefined> {
    return this.#inTurn(async () => {
      for (let segment = this.#segments[0]; segment; segment = this.#segments[0]) {
        const lines = await this.#read(segment, most);
        if (lines.events.length > 0) {
          return { instance: segment.instance, events: lines.events, segment, lines };
        }
        await this.#take(segment, lines);
      }
      return undefined;
    });
  }

  done({ segment, lines }: Spooled): Promise<void> {
    return this.#inTurn(() => this.#take(segment, lines));
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#segments.at(-1)?.seal();
    });
  }

  async #find(): Promise<void> {
    const { folder, unreadable } = this.#options;
    for (const name of (await readdir(folder)).sort()) {
      const found = await Segment.find(folder, name);
      if (found === undefined) continue;
      if (found.torn) unreadable(1);
      const { instance } = found.segment;
      this.#found.set(instance, Math.max(this.#found.get(instance) ?? 0, found.last));
      if (found.segment.lines > 0) this.#segments.push(found.segment);
      else await found.segment.remove();
    }
  }

  async #current(first: number): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last?.open) return last;
    const { folder, instance, started } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const segment = await Segment.create(folder, { instance, started, first });
    this.#segments.push(segment);
    return segment;
  }

  /** A file that cannot be read is given up as a whole. */
  async #read(segment: Segment, most: number): Promise<Lines> {
    try {
      return await segment.read(most, this.#room);
    } catch {
      return { events: [], bytes: segment.size, unreadable: segment.lines };
    }
  }

  async #take(segment: Segment, lines: Lines): Promise<void> {
    if (lines.unreadable > 0) this.#options.unreadable(lines.unreadable);
    if (!segment.take(lines)) return;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await segment.remove();
  }

  /** After a write that failed. */
  async #setAside(segment: Segment): Promise<void> {
    await segment.seal();
    if (segment.lines > 0) return;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await segment.remove();
  }

  /** One step at a time: a file is not removed while something is appended to it. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(step);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

function lineOf({ seq, event }: Numbered): string {
  return `${asciiJson({ seq, event })}\n`;
}
