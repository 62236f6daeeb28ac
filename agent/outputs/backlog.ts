/**
 * Rows that wait for a receiver: a bounded queue in memory, and behind it a spool where there is a disk for it. A row
 * is written to the spool before it is delivered. While the disk does not take any, rows go out from memory.
 */
import type { EgressEvent } from '#api/event.ts';
import type { Part, ToldRow } from '../evidence/told-row.ts';
import type { Batch, Queued } from './output.ts';
import type { Spool, Spooled } from './spool.ts';
import { type OutputTold, untold } from './told.ts';

/** Rows that are written in one step. */
const CHUNK = 256;

export interface BacklogOptions {
  readonly instance: string;
  /** Undefined: in memory alone. */
  readonly spool: Spool | undefined;
  /** Rows that memory may hold. */
  readonly memory: number;
  /** A disk that took nothing is tried again after so long, ms. */
  readonly pause: number;
  /** Hears what no end of this process takes away any more. */
  readonly told?: OutputTold;
  /** Rows cannot be written any more, and stay in memory. Told once, until it works again. */
  fault(error: unknown): void;
}

export class Backlog {
  /** Called when rows of memory were written to the disk. */
  eased: () => void = () => {};
  readonly #options: BacklogOptions;
  readonly #told: OutputTold;
  #seq = 0;
  #memory: Queued[] = [];
  /** Handed out from memory, and not done. */
  #flying: readonly Queued[] = [];
  #writing: Promise<void> | undefined;
  #pausing: NodeJS.Timeout | undefined;
  #news = Promise.withResolvers<void>();
  #closed = false;
  /** The last write has failed. */
  #broken = false;

  constructor(options: BacklogOptions) {
    this.#options = options;
    this.#told = options.told ?? untold;
  }

  /** Rows that memory has room for. */
  get room(): number {
    return this.#options.memory - this.#memory.length - this.#flying.length;
  }

  /** So much waits that it is time to spare room. */
  get isCrowded(): boolean {
    const { spool, memory } = this.#options;
    return spool === undefined ? this.room < memory / 2 : spool.isHalfFull;
  }

  /** Nothing is taken any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  get waiting(): number {
    return this.#memory.length + this.#flying.length + (this.#options.spool?.rows ?? 0);
  }

  /** False where there is no room. Its number is used up all the same: a gap tells the receiver. */
  push(event: EgressEvent, parts: readonly Part[] = []): boolean {
    const seq = ++this.#seq;
    if (this.#closed || this.room <= 0) return false;
    this.#memory.push({ seq, event, parts });
    this.#write();
    this.#tellNews();
    return true;
  }

  /** The oldest rows, at most so many; they stay until they are done. Waits for one; undefined once it is closed. */
  async next(most: number): Promise<Batch | undefined> {
    while (!this.#closed) {
      const news = this.#news.promise;
      const spooled = await this.#options.spool?.read(most);
      if (spooled) return spooled;
      if (this.#memory.length > 0 && !this.#writing) {
        this.#flying = this.#memory.splice(0, most);
        const events = this.#flying.map(({ seq, event }) => ({ seq, event }));
        return { instance: this.#options.instance, events };
      }
      await news;
    }
    return undefined;
  }

  async done(batch: Batch): Promise<void> {
    if ('segment' in batch) await this.#options.spool?.done(batch as Spooled);
    else this.#land();
    this.#write();
  }

  #land(): void {
    for (const { parts } of this.#flying) this.#told.settled(parts);
    this.#flying = [];
  }

  /** Nothing more is taken or handed out. */
  stop(): void {
    this.#closed = true;
    clearTimeout(this.#pausing);
    this.#tellNews();
  }

  /**
   * Writes what is still in memory, once it is stopped, and these behind it.
   * @returns rows that could not be kept
   */
  async keep(more: readonly ToldRow[] = []): Promise<readonly EgressEvent[]> {
    await this.#writing;
    this.#memory.unshift(...this.#flying);
    this.#flying = [];
    for (const row of more) this.#memory.push({ seq: ++this.#seq, ...row });
    await this.#writeAll();
    await this.#options.spool?.close();
    return this.#memory.map(({ event }) => event);
  }

  #write(): void {
    const { spool } = this.#options;
    if (!spool || this.#writing || this.#pausing || this.#closed) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#memory.length > 0 && !this.#closed) this.#pause();
      this.#tellNews();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#memory.length > 0) {
      const records = onceEach(this.#memory.slice(0, CHUNK));
      if (!(await this.#append(records))) return;
      this.#memory.splice(0, records.length);
      this.#tellNews();
      if (!this.#closed) this.eased();
    }
  }

  async #append(records: readonly Queued[]): Promise<boolean> {
    try {
      const hasRoom = (await this.#options.spool?.append(records, this.#told)) === true;
      this.#broken = false;
      return hasRoom;
    } catch (error) {
      if (!this.#broken) this.#options.fault(error);
      this.#broken = true;
      return false;
    }
  }

  #pause(): void {
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#write();
    }, this.#options.pause);
    this.#pausing.unref();
  }

  #tellNews(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** Up to the first row that comes a second time: a step that is written in part says of each row whether it was. */
function onceEach(records: readonly Queued[]): readonly Queued[] {
  const seen = new Set<string>();
  const second = records.findIndex(({ event: { id } }) => {
    const isSecond = id !== null && seen.has(id);
    if (id !== null) seen.add(id);
    return isSecond;
  });
  return second < 0 ? records : records.slice(0, second);
}
