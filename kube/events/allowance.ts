/** How many new things one object may cause: a bucket each, forgotten when it is full again. */
import type { Clock } from '../clock.ts';

/** So many at once, and one more in each so many milliseconds. */
const burst = 25;
const oneEachMs = 60_000;
const mostBuckets = 10_000;

export class Allowance {
  readonly #clock: Clock;
  /** When each would be full. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(name: string): boolean {
    const now = this.#clock.monotonic();
    const fullAt = Math.max(this.#fullAt.get(name) ?? now, now) + oneEachMs;
    if (fullAt - now > burst * oneEachMs) return false;
    this.#fullAt.delete(name);
    this.#fullAt.set(name, fullAt);
    this.#forget(now);
    return true;
  }

  #forget(now: number): void {
    for (const [name, fullAt] of this.#fullAt) {
      if (this.#fullAt.size <= mostBuckets && fullAt > now) return;
      this.#fullAt.delete(name);
    }
  }
}
