/**
 * Rows that wait for a receiver: a bounded queue in memory, and behind it a spool where there is a disk for it. A row
 * is written to the spool before it is delivered. While the disk does not take any, rows go out from memory.
 */
import type { EgressEvent } from '#api/event.ts';
import type { Batch, Numbered } from './output.ts';
import type { Spool, Spooled } from './spool.ts';

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
  /** Rows cannot be written any more, and stay in memory. Told once, until it works again. */
  fault(error: unknown): void;
}

export class Backlog {
  /** Called when rows of memory were written to the disk. */
  eased: () => void = () => {};
  readonly #options: BacklogOptions;
  #seq = 0;
  #memory: Numbered[] = [];
  /** Handed out from memory, and not done. */
  #flying: readonly Numbered[] = [];
  #writing: Promise<void> | undefined;
  #pausing: NodeJS.Timeout | undefined;
  #news = Promise.withResolvers<void>();
  #closed = false;
  /** The last write has failed. */
  #broken = false;

  constructor(options: BacklogOptions) {
    this.#options = options;
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

  get waiting(): number {
    return this.#memory.length + this.#flying.length + (this.#options.spool?.rows ?? 0);
  }

  /** False where there is no room. Its number is used up all the same: a gap tells the receiver. */
  push(event: EgressEvent): boolean {
    const seq = ++this.#seq;
    if (this.#closed || this.room <= 0) return false;
    this.#memory.push({ seq, event });
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
        return { instance: this.#options.instance, events: this.#flying };
      }
      await news;
    }
    return undefined;
  }

  async done(batch: Batch): Promise<void> {
    if ('segment' in batch) await this.#options.spool?.done(batch as Spooled);
    else this.#flying = [];
    this.#write();
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
  async keep(more: readonly EgressEvent[] = []): Promise<readonly EgressEvent[]> {
    await this.#writing;
    this.#memory.unshift(...this.#flying);
    this.#flying = [];
    for (const event of more) this.#memory.push({ seq: ++this.#seq, event });
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
      const records = this.#memory.slice(0, CHUNK);
      if (!(await this.#append(records))) return;
      this.#memory.splice(0, records.length);
      this.#tellNews();
      if (!this.#closed) this.eased();
    }
  }

  async #append(records: readonly Numbered[]): Promise<boolean> {
    try {
      const hasRoom = (await this.#options.spool?.append(records)) === true;
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
