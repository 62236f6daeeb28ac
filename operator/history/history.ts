/** The history of a process: its store, what writes it, and what keeps it bounded. */
import type { Registry } from 'prom-client';
import type { Clock } from '#kube/index.ts';
import { HistoryCounters } from './counters.ts';
import { HistorySink } from './sink.ts';
import type { Bounds, HistoryStore } from './store.ts';

/** Between two looks at what is too old or too much, ms. */
const PRUNE = 600_000;

export interface HistoryOptions {
  readonly store: HistoryStore;
  readonly bounds: Bounds;
  readonly clock: Clock;
  readonly registry: Registry;
  /** The store does not do what it should, with the reason; undefined: it does again. */
  trouble(why: string | undefined): void;
}

export class History {
  readonly sink: HistorySink;
  readonly store: HistoryStore;
  readonly #options: HistoryOptions;
  readonly #counters: HistoryCounters;
  #cancel: () => void = () => {};
  #pruning: Promise<void> = Promise.resolve();
  #over = false;

  constructor(options: HistoryOptions) {
    const { store, clock, registry, trouble } = options;
    this.#options = options;
    this.store = store;
    this.#counters = new HistoryCounters(registry, () => this.sink.waiting);
    const dropped = (flows: number) => this.#counters.dropped.inc(flows);
    this.sink = new HistorySink({ store, clock, dropped, trouble });
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#over = true;
    this.#cancel();
    await this.#pruning;
    await this.sink.stop();
  }

  #begin(): void {
    this.#pruning = this.#prune().then(() => {
      if (!this.#over) this.#cancel = this.#options.clock.after(PRUNE, () => this.#begin());
    });
  }

  async #prune(): Promise<void> {
    const { store, bounds, clock, trouble } = this.#options;
    try {
      this.#counters.pruned.inc(await store.prune(bounds, clock.wall()));
      this.#counters.flows.set(await store.size());
    } catch (error) {
      trouble((error as Error).message);
    }
  }
}
