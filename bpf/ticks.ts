/** The kernel's clock of expiry: ticks of some jiffies. */
import { TICK_SHIFT } from './layout.ts';
import { native } from './native.ts';

export class Ticks {
  /** ms. */
  readonly #length = (native().jiffy() * 2 ** TICK_SHIFT) / 1e6;
  readonly #ask: () => number;
  #known = { tick: 0, at: Number.NEGATIVE_INFINITY };

  /** @param ask the kernel, which tick it has */
  constructor(ask: () => number) {
    this.#ask = ask;
  }

  /** The kernel is asked once a second. */
  now(): number {
    const now = performance.now();
    if (now - this.#known.at > 1000) this.#known = { tick: this.#ask(), at: now };
    return this.#known.tick + Math.floor((now - this.#known.at) / this.#length);
  }

  /** In so many seconds, rounded up. */
  in(seconds: number): number {
    return Math.ceil((seconds * 1000) / this.#length);
  }
}
