/** The right to write, for as long as nobody else can have it. */
import type { Clock } from '../clock.ts';
import { KubeError } from '../errors.ts';
import type { Term } from './types.ts';

/**
 * Ends by itself at a time that is counted from when the last renewal was *sent*: others count from when they
 * saw it, which is later. A process that was stopped finds that the time is over when it asks, whatever its
 * timers say; a machine that slept finds it by the wall clock, as the other one stood still.
 */
export class LeaseTerm implements Term {
  readonly number: number;
  readonly #clock: Clock;
  readonly #lengthMs: number;
  readonly #ended = new AbortController();
  #sent: Moment;
  #cancel: () => void;

  constructor(number: number, sent: Moment, lengthMs: number, clock: Clock) {
    this.number = number;
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#sent = sent;
    this.#cancel = this.#watch();
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Milliseconds that are left; not above 0 when it is over. */
  get left(): number {
    if (this.#ended.signal.aborted) return 0;
    return this.#lengthMs - since(this.#sent, this.#clock);
  }

  check(): void {
    if (this.left > 0) return;
    this.end('its Lease was not renewed in time');
    throw this.#ended.signal.reason;
  }

  /** Too late where the term has ended meanwhile: the answer to a renewal may take long. */
  renewed(sent: Moment): void {
    if (this.left <= 0) return;
    this.#sent = sent;
    this.#cancel();
    this.#cancel = this.#watch();
  }

  end(why: string): void {
    this.#cancel();
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new KubeError('KUBE_NOT_LEADER', `This process leads no more: ${why}.`));
  }

  #watch(): () => void {
    return this.#clock.after(Math.max(this.left, 0), () => {
      if (this.left <= 0) this.end('its Lease was not renewed in time');
      else this.#cancel = this.#watch();
    });
  }
}

export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

function since(moment: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - moment.monotonic, clock.wall() - moment.wall);
}
