/** One object of which more is known than is written: what it was, and what came since. */
import type { EgressEvent } from '#api/event.ts';
import type { StoredViolation } from '#api/stored.ts';
import type { ViolationSpec } from '#api/violation.ts';
import type { Kept } from '../resources.ts';
import { Marks } from './marks.ts';
import { addedBy, type merged, type Origin } from './merge.ts';

export type StoredRow = Kept<StoredViolation>;

/** A row of a source. */
export interface Sent extends Origin {
  readonly event: EgressEvent;
  readonly seq: number;
  readonly mark: string;
}

export type Merge = typeof merged;

interface Waiting {
  readonly rows: number;
  readonly done: PromiseWithResolvers<void>;
}

export class Entry {
  /** As it is written; undefined where nothing is. */
  stored: StoredRow | undefined;
  /** When it may be written, on the monotonic clock; undefined while it has no turn. */
  turn: number | undefined;
  readonly #merge: Merge;
  #spec: ViolationSpec | undefined;
  #marks: Marks;
  /** Not written yet. */
  #sent: Sent[] = [];
  #written = 0;
  #waiting: Waiting[] = [];

  constructor(stored: StoredRow | undefined, merge: Merge) {
    this.stored = stored;
    this.#merge = merge;
    this.#spec = stored?.spec;
    this.#marks = new Marks(stored?.spec.merged);
  }

  /** Attempts that are not written yet. */
  get attempts(): number {
    return this.#sent.reduce((sum, { event }) => sum + addedBy(event), 0);
  }

  get isWritten(): boolean {
    return this.#sent.length === 0;
  }

  /** False where it is in already. */
  add(sent: Sent): boolean {
    if (!this.#marks.take(sent.mark, sent.seq)) return false;
    this.#spec = this.#merge(this.#spec, sent.event, sent);
    this.#sent.push(sent);
    return true;
  }

  /** What it is to say now. `rows`: how many of those that were added are in that. */
  news(
    isSettled: (mark: string, seq: number) => boolean,
  ): { readonly spec: ViolationSpec; readonly rows: number } | undefined {
    if (this.#spec === undefined || this.isWritten) return undefined;
    const { merged: _, ...said } = this.#spec;
    const marks = this.#marks.encode(isSettled);
    const spec = marks.length > 0 ? { ...said, merged: marks } : said;
    return { spec, rows: this.#written + this.#sent.length };
  }

  wrote(rows: number, stored: StoredRow): void {
    this.#sent.splice(0, rows - this.#written);
    this.#written = rows;
    this.stored = stored;
    this.turn = undefined;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.rows > rows);
    for (const one of waiting) if (one.rows <= rows) one.done.resolve();
  }

  /** Somebody else was faster: the same rows on top of what is there now. */
  rebase(stored: StoredRow | undefined): void {
    const { spec } = stored ?? {};
    this.stored = stored;
    this.#spec = spec;
    this.#marks = new Marks(spec?.merged);
    for (const sent of this.#sent) {
      if (this.#marks.take(sent.mark, sent.seq)) {
        this.#spec = this.#merge(this.#spec, sent.event, sent);
      }
    }
  }

  /** Resolves when all that was added until now is written. */
  kept(): Promise<void> {
    if (this.isWritten) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ rows: this.#written + this.#sent.length, done });
    return done.promise;
  }

  /** Nobody waits any more; with an error, in vain. */
  end(error?: Error): void {
    for (const { done } of this.#waiting) {
      if (error === undefined) done.resolve();
      else done.reject(error);
    }
    this.#waiting = [];
  }
}
