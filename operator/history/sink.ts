/**
 * Rows of evidence on their way into the history: added up while the store is busy, written as one. A store that is
 * away costs memory up to a bound, then history; never Violations or alerts.
 */
import { backOff } from '#delivery/back-off.ts';
import { type Clock, sleep } from '#kube/index.ts';
import type { EventBatch, EventSink } from '../intake/sink.ts';
import { RecentMap } from '../recent-map.ts';
import { added, type Flow, flowOf, flowText, type RunKey, runOf } from './flow.ts';
import type { Chunk, HistoryStore } from './store.ts';

/** Flows that wait for the store. */
const WAITING = 50_000;
/** How long an agent waits for the store, ms. Behind it, rows wait in memory alone. */
const PATIENCE = 5000;

/** Sources whose numbers are known without asking the store. */
const REMEMBERED = 8192;

export interface HistorySinkOptions {
  readonly store: HistoryStore;
  readonly clock: Clock;
  readonly waiting?: number;
  /** Rows of evidence that will not be in the history. */
  dropped(rows: number): void;
  /** The store takes nothing, with the reason; undefined: it does again. */
  trouble(why: string | undefined): void;
}

/** What waits, added up. */
class Pending {
  readonly runs = new Map<string, { readonly run: RunKey; readonly flows: Map<string, Flow> }>();
  readonly sources = new Map<string, number>();
  flows = 0;

  /** False where there is no room for another flow. */
  add(run: RunKey, flow: Flow, room: number): boolean {
    const name = JSON.stringify([run.project, run.job, run.run]);
    const known = this.runs.get(name) ?? { run, flows: new Map<string, Flow>() };
    const text = flowText(flow);
    const before = known.flows.get(text);
    if (before === undefined && this.flows >= room) return false;
    if (before === undefined) this.flows += 1;
    known.flows.set(text, before === undefined ? flow : added(before, flow));
    this.runs.set(name, known);
    return true;
  }

  chunk(): Chunk {
    const runs = [...this.runs.values()].map(({ run, flows }) => ({
      run,
      flows: [...flows.values()],
    }));
    return { runs, sources: this.sources };
  }
}

export class HistorySink implements EventSink {
  readonly name = 'history';
  readonly #options: HistorySinkOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Numbers that are kept or wait, by source; asked of the store for one that is new here. */
  readonly #taken = new RecentMap<string, number>(REMEMBERED);
  #pending = new Pending();
  /** Told when what they brought is written. */
  #waiters: (() => void)[] = [];
  #wake: () => void = () => {};

  constructor(options: HistorySinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Flows that wait for the store. */
  get waiting(): number {
    return this.#pending.flows;
  }

  async take({ source, events }: EventBatch, signal: AbortSignal): Promise<void> {
    const last = await this.#lastOf(source);
    const fresh = events.filter(({ seq }) => seq > last);
    if (fresh.length === 0) return;
    for (const { event } of fresh) {
      const run = runOf(event);
      if (run !== null) this.#add(run, flowOf(event, this.#options.clock.wall()));
    }
    const seq = fresh.at(-1)?.seq ?? last;
    this.#taken.set(source, seq);
    this.#pending.sources.set(source, seq);
    const written = new Promise<void>((resolve) => void this.#waiters.push(resolve));
    this.#wake();
    const over = new AbortController();
    const patience = sleep(this.#options.clock, PATIENCE, AbortSignal.any([signal, over.signal]));
    await Promise.race([written, patience]);
    over.abort();
  }

  /** Writes what waits, if the store takes it at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    await this.#write().catch(() => this.#options.dropped(this.#pending.flows));
    await this.#options.store.close();
  }

  async #lastOf(source: string): Promise<number> {
    const known = this.#taken.get(source);
    if (known !== undefined) return known;
    // Where the store cannot say, rows rather count twice than hold up their agent.
    const found = await this.#options.store.taken([source]).catch(() => new Map<string, number>());
    return this.#taken.get(source) ?? found.get(source) ?? 0;
  }

  async #run(): Promise<void> {
    const { clock, trouble } = this.#options;
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      if (this.#pending.sources.size === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        await this.#write();
        if (failures > 0) trouble(undefined);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) trouble((error as Error).message);
        const wait = backOff(failures, undefined, () => clock.random());
        await sleep(clock, wait, this.#stop.signal);
      }
    }
  }

  /** What comes while it writes waits for the next time. Keeps all of it where it fails. */
  async #write(): Promise<void> {
    const writing = this.#pending;
    const waiters = this.#waiters;
    if (writing.sources.size === 0) return;
    this.#pending = new Pending();
    this.#waiters = [];
    try {
      await this.#options.store.add(writing.chunk(), this.#options.clock.wall());
      for (const tell of waiters) tell();
    } catch (error) {
      this.#keep(writing);
      this.#waiters.unshift(...waiters);
      throw error;
    }
  }

  /** What could not be written goes on waiting, and what came meanwhile is added. */
  #keep(writing: Pending): void {
    const meanwhile = this.#pending;
    this.#pending = writing;
    for (const { run, flows } of meanwhile.runs.values()) {
      for (const flow of flows.values()) this.#add(run, flow);
    }
    for (const [source, seq] of meanwhile.sources) writing.sources.set(source, seq);
  }

  #add(run: RunKey, flow: Flow): void {
    const room = this.#options.waiting ?? WAITING;
    if (!this.#pending.add(run, flow, room)) this.#options.dropped(1);
  }
}
