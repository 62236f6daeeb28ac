/**
 * One batch for every sink, and for each sink each row once: a batch comes again when one of them could not keep it,
 * or when the agent did not hear that all have.
 */
import { RecentMap } from '../recent-map.ts';
import type { EventBatch, EventSink } from './sink.ts';

/** Sources that are remembered, the last ones: those of before have long had their answers. */
const REMEMBERED = 8192;

export class Fan {
  readonly #sinks: readonly EventSink[];
  /** By source: the number that each sink has taken last. */
  readonly #taken = new RecentMap<string, Map<EventSink, number>>(REMEMBERED);

  constructor(sinks: readonly EventSink[]) {
    this.#sinks = sinks;
  }

  /**
   * Resolves when every sink has kept every row.
   * @returns how many of the rows came for the first time
   * @throws what the first of those threw that could not, once all are done
   */
  async take(batch: EventBatch, signal: AbortSignal): Promise<number> {
    const taken = this.#of(batch.source);
    const known = Math.max(0, ...taken.values());
    const results = await Promise.allSettled(
      this.#sinks.map(async (sink) => {
        const last = taken.get(sink) ?? 0;
        const events = batch.events.filter(({ seq }) => seq > last);
        if (events.length === 0) return;
        await sink.take({ ...batch, events }, signal);
        taken.set(sink, events.at(-1)?.seq ?? last);
      }),
    );
    const failed = results.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return batch.events.filter(({ seq }) => seq > known).length;
  }

  /** Another replica may have led meanwhile, and have taken more. */
  clear(): void {
    this.#taken.clear();
  }

  #of(source: string): Map<EventSink, number> {
    const taken = this.#taken.get(source) ?? new Map<EventSink, number>();
    this.#taken.set(source, taken);
    return taken;
  }
}
