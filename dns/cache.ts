/**
 * What one target has resolved, by name: bounded, with absolute times on the caller's monotonic clock
 * (ms). Of a target's own, never shared, so that no job can tell what another one asked.
 */
import type { AnswerFacts, AnswerRefusal } from './answer.ts';

export interface CacheEntry {
  readonly facts: AnswerFacts;
  /** The current policy's verdict on the facts. */
  refusal: AnswerRefusal | null;
  /** When the answer ends. */
  readonly expires: number;
  /** Until when the kernel's map holds the addresses; 0 when it must be told (again). */
  kernelUntil: number;
}

export class AnswerCache {
  readonly #entries = new Map<string, CacheEntry>();
  readonly #most: number;

  /** @param most entries; the oldest goes when another one comes. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string, now: number): CacheEntry | null {
    const entry = this.#entries.get(name);
    if (entry === undefined) return null;
    if (entry.expires > now) return entry;
    this.#entries.delete(name);
    return null;
  }

  set(name: string, entry: CacheEntry): void {
    // Insertion order is age only if a renewed name moves to the end.
    this.#entries.delete(name);
    if (this.#entries.size >= this.#most) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(name, entry);
  }

  /** Drops every entry for which `keep` says false. */
  review(keep: (name: string, entry: CacheEntry) => boolean): void {
    for (const [name, entry] of this.#entries) if (!keep(name, entry)) this.#entries.delete(name);
  }
}
