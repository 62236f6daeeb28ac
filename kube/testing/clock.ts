/** A clock that stands still until it is told to go on. */
import type { Clock } from '../clock.ts';

interface Alarm {
  readonly at: number;
  readonly call: () => void;
}

export class TestClock implements Clock {
  #monotonic = 1000;
  #wall = Date.UTC(2030, 0, 1);
  readonly #alarms = new Set<Alarm>();
  /** What `random` gives. */
  chance = 0.5;

  monotonic(): number {
    return this.#monotonic;
  }

  wall(): number {
    return this.#wall;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, call: () => void): () => void {
    const alarm = { at: this.#monotonic + ms, call };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Alarms that are set. */
  get waiting(): number {
    return this.#alarms.size;
  }

  /** Lets time pass, alarm by alarm; what they start has its turns in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await turns();
    for (;;) {
      const due = [...this.#alarms].filter(({ at }) => at <= end);
      const next = due.sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.#to(Math.max(next.at, this.#monotonic));
      this.#alarms.delete(next);
      next.call();
      await turns();
    }
    this.#to(end);
  }

  /** As a stopped process finds it: time has gone, and no alarm has rung. */
  jump(ms: number, { monotonic = true, wall = true } = {}): void {
    if (monotonic) this.#monotonic += ms;
    if (wall) this.#wall += ms;
  }

  #to(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** Promises that are settled go on; nothing of the outside is waited for. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
