/** Keys that wait for work: each once, one worker a key, bounded in all. */
import { waitAfter } from '../backoff.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Key } from '../objects/types.ts';

export interface QueueOptions {
  /**
   * Works on one key; what it gives is the wait in milliseconds before the key runs again.
   * @param attempt how often in a row it has failed
   */
  readonly run: (key: Key, attempt: number) => Promise<number | undefined>;
  readonly concurrency: number;
  readonly clock?: Clock;
  /** 500 ms, doubled up to 5 minutes, unless told. */
  readonly firstMs?: number;
  readonly longestMs?: number;
  readonly failed?: (key: Key, error: unknown, attempt: number) => void;
  /** Told when the number of waiting keys changes. */
  readonly waiting?: (count: number) => void;
}

interface Delayed {
  readonly at: number;
  readonly cancel: () => void;
}

export class KeyedQueue {
  readonly #options: QueueOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<Key>();
  readonly #running = new Set<Key>();
  /** Came while the key was running; true: also after a failure at once. */
  readonly #again = new Map<Key, boolean>();
  readonly #delayed = new Map<Key, Delayed>();
  readonly #failures = new Map<Key, number>();
  #open = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** As soon as possible, also where the key waits after a failure: something that matters has changed. */
  add(key: Key): void {
    if (this.#running.has(key)) {
      this.#again.set(key, true);
      return;
    }
    this.#undelay(key);
    this.#waiting.add(key);
    this.#options.waiting?.(this.#waiting.size);
    this.#pump();
  }

  /** As `add`, but what waits after a failure goes on waiting: it may be that failure's own doing. */
  nudge(key: Key): void {
    if (this.#running.has(key)) this.#again.set(key, this.#again.get(key) ?? false);
    else if (!this.#failures.has(key)) this.add(key);
  }

  /** The sooner of two times holds. */
  addAfter(key: Key, ms: number): void {
    if (this.#waiting.has(key)) return;
    const at = this.#clock.monotonic() + ms;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.at <= at) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, cancel });
  }

  /** Works on what waits, and on these keys. */
  start(keys: Iterable<Key> = []): void {
    this.#open = true;
    for (const key of keys) this.add(key);
    this.#pump();
  }

  /** Starts nothing more and waits for what runs; what waits is kept for the next `start`. */
  async pause(): Promise<void> {
    this.#open = false;
    if (this.#running.size === 0) return;
    this.#drained ??= Promise.withResolvers<void>();
    await this.#drained.promise;
  }

  /** Forgets all that waits and all failures; what runs goes on. */
  clear(): void {
    for (const key of [...this.#delayed.keys()]) this.#undelay(key);
    this.#waiting.clear();
    this.#again.clear();
    this.#failures.clear();
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (!this.#open || this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      this.#options.waiting?.(this.#waiting.size);
      void this.#work(key);
    }
  }

  async #work(key: Key): Promise<void> {
    const attempt = this.#failures.get(key) ?? 0;
    let wait: number | undefined;
    try {
      wait = await this.#options.run(key, attempt);
      this.#failures.delete(key);
    } catch (error) {
      this.#options.failed?.(key, error, attempt);
      this.#failures.set(key, attempt + 1);
      const { firstMs = 500, longestMs = 300_000 } = this.#options;
      wait = waitAfter(attempt + 1, { firstMs, longestMs }, this.#clock, error);
    }
    this.#running.delete(key);
    this.#next(key, wait);
    this.#pump();
    if (this.#running.size > 0) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #next(key: Key, wait: number | undefined): void {
    const again = this.#again.get(key);
    this.#again.delete(key);
    const failed = this.#failures.has(key);
    if (again === true || (again === false && !failed)) this.add(key);
    else if (wait !== undefined) this.addAfter(key, wait);
  }

  #undelay(key: Key): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }
}
