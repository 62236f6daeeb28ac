/** Writes Events: few, in the background, the same again as a series. */
import { randomUUID } from 'node:crypto';
import type { Resource } from '../client/resource.ts';
import type { Client } from '../client/types.ts';
import { type Clock, systemClock } from '../clock.ts';
import { isKubeError } from '../errors.ts';
import { apiMicroTime } from '../objects/conditions.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Observe } from '../observe.ts';
import { Allowance } from './allowance.ts';
import { type Event, eventOf, eventResource, type Reporter, sameness } from './event.ts';
import type { EventRecorder, Recorded } from './types.ts';

export interface RecorderOptions extends Reporter {
  readonly clock?: Clock;
  readonly observe?: Observe;
}

export interface Recorder extends EventRecorder {
  /** Resolves when all that was recorded is written, counts of series too, or has failed. */
  flush(): Promise<void>;
}

interface Series {
  readonly event: Event;
  /** How often it was recorded, and how many of these are written. */
  count: number;
  written: number;
  lastAt: number;
  /** One write at a time. */
  writing: Promise<void> | undefined;
  cancel: (() => void) | undefined;
}

/** How often the count of a series is written. */
const everyMs = 60_000;
/** Nobody looks for the same any more; the API keeps Events for an hour. */
const overMs = 6 * 60_000;
const mostSeries = 1000;

/** @example const events = createRecorder(client, { controller: 'example.io/operator', instance: hostname() }); */
export function createRecorder(client: Client, options: RecorderOptions): Recorder {
  return new SeriesRecorder(client, options);
}

class SeriesRecorder implements Recorder {
  readonly #client: Client;
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  /** In the order of their last record. */
  readonly #series = new Map<string, Series>();

  constructor(client: Client, options: RecorderOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#allowance = new Allowance(this.#clock);
  }

  record(of: Resource, regarding: KubeObject, recorded: Recorded): void {
    const wall = this.#clock.wall();
    const unique = randomUUID().slice(-12);
    const event = eventOf(of, regarding, recorded, this.#options, { wall, unique });
    const same = sameness(event);
    const known = this.#series.get(same);
    if (known !== undefined && this.#clock.monotonic() - known.lastAt < overMs) {
      this.#again(same, known);
      return;
    }
    if (!this.#allowance.take(`${event.regarding.uid ?? same}`)) {
      this.#dropped(event, undefined);
      return;
    }
    known?.cancel?.();
    const lastAt = this.#clock.monotonic();
    const series = { event, count: 1, written: 0, lastAt, writing: undefined, cancel: undefined };
    this.#keep(same, series);
    void this.#write(series);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#series.values()].map((series) => this.#write(series)));
  }

  #again(same: string, series: Series): void {
    series.count += 1;
    series.lastAt = this.#clock.monotonic();
    this.#keep(same, series);
    // The second says that there is a series; then the count is enough from time to time.
    const wait = series.count === 2 ? 0 : everyMs;
    series.cancel ??= this.#clock.after(wait, () => {
      series.cancel = undefined;
      void this.#write(series);
    });
  }

  #keep(same: string, series: Series): void {
    this.#series.delete(same);
    this.#series.set(same, series);
    if (this.#series.size <= mostSeries) return;
    const [oldest] = this.#series.keys();
    const evicted = this.#series.get(oldest ?? '');
    this.#series.delete(oldest ?? '');
    evicted?.cancel?.();
    if (evicted !== undefined) void this.#write(evicted);
  }

  async #write(series: Series): Promise<void> {
    series.cancel?.();
    series.cancel = undefined;
    while (series.writing !== undefined) await series.writing;
    if (series.written === series.count) return;
    series.writing = this.#send(series);
    await series.writing;
    series.writing = undefined;
  }

  /** What fails is told and not tried again: an Event is not worth a queue. */
  async #send(series: Series): Promise<void> {
    const { event, count } = series;
    const first = series.written === 0;
    series.written = count;
    try {
      if (first) await this.#client.create(eventResource, { ...event, ...this.#countOf(series) });
      else await this.#patch(series);
    } catch (error) {
      this.#dropped(event, error);
    }
  }

  async #patch(series: Series): Promise<void> {
    const { name, namespace } = series.event.metadata;
    const body = this.#countOf(series);
    try {
      await this.#client.patch(eventResource, { name, namespace }, body, { type: 'strategic' });
    } catch (error) {
      if (!isKubeError(error, 'KUBE_NOT_FOUND')) throw error;
      await this.#client.create(eventResource, { ...series.event, ...body });
    }
  }

  #countOf({ count, lastAt }: Series): Pick<Event, 'series'> {
    if (count === 1) return {};
    const ago = this.#clock.monotonic() - lastAt;
    const lastObservedTime = apiMicroTime(this.#clock.wall() - ago);
    return { series: { count, lastObservedTime } };
  }

  #dropped({ reason }: Event, error: unknown): void {
    this.#options.observe?.({ type: 'event-dropped', reason, error });
  }
}
