/** So many of something in a second, and some more at once after a time with few. */
export class Rate {
  readonly #gap: number;
  readonly #ahead: number;
  /** When the next one is due that no burst pays for, ms. */
  #next = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#gap = 1000 / perSecond;
    this.#ahead = this.#gap * burst;
  }

  /** Takes so many now; false where it took too many before. */
  take(now: number, many = 1): boolean {
    if (this.#next > now) return false;
    this.#next = Math.max(this.#next, now - this.#ahead) + this.#gap * many;
    return true;
  }

  /** Takes the next turn, and says when that is; at once where it is not later than `now`. In ms of one clock. */
  reserve(now: number): number {
    this.#next = Math.max(this.#next, now - this.#ahead) + this.#gap;
    return this.#next;
  }
}
