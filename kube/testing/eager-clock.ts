/** A clock whose waits are over at once, and remembered: for back-off that a test need not sit through. */
import type { Clock } from '../clock.ts';

export class EagerClock implements Clock {
  readonly waits: number[] = [];
  #now = 0;

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return Date.UTC(2030, 0, 1) + this.#now;
  }

  random(): number {
    return 0.5;
  }

  after(ms: number, call: () => void): () => void {
    this.waits.push(ms);
    this.#now += ms;
    const timer = setTimeout(call, 1);
    return () => clearTimeout(timer);
  }

  /** Time that goes by while something else is waited for. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
