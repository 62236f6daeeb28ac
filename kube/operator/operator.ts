/** The whole of an operator: caches, kinds, and when they work. */
import { hostname } from 'node:os';
import { type WatchedCache, watchCache } from '../cache/cache.ts';
import type { Cache, CacheOptions } from '../cache/types.ts';
import { pathOf, type Resource } from '../client/resource.ts';
import type { Client } from '../client/types.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import { elect } from '../election/elect.ts';
import type { LeaseSettings } from '../election/types.ts';
import { KubeError } from '../errors.ts';
import { createRecorder } from '../events/recorder.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Observe } from '../observe.ts';
import { HandledKind } from './kind.ts';
import { aborted } from './limit.ts';
import { type PolicyRule, permissionsFor } from './permissions.ts';
import type { Kind, KindOptions } from './types.ts';

export interface OperatorOptions {
  readonly client: Client;
  /** A qualified name, `example.io/operator`: the finalizer, and who reports Events. */
  readonly name: string;
  /** Without it this process leads from the start. */
  readonly lease?: LeaseSettings;
  /** How long running handlers may go on when told to stop; 10,000 unless told. */
  readonly drainMs?: number;
  readonly clock?: Clock;
  readonly observe?: Observe;
}

export interface Led {
  /** Writes only while this process leads. */
  readonly client: Client;
  /** Aborted when it leads no more, or stops. */
  readonly signal: AbortSignal;
}

/** How long a handler that was aborted is waited for; then its writes are refused, and it is left behind. */
const abandonMs = 5000;

export class Operator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #observe: Observe;
  readonly #caches = new Map<string, WatchedCache<KubeObject>>();
  readonly #kinds: HandledKind<KubeObject>[] = [];
  readonly #reigns: ((reign: Led) => void)[] = [];
  #leading = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#observe = options.observe ?? (() => undefined);
  }

  /**
   * Objects to be handled. Caches start at once, on every replica; handlers run only while this one leads.
   * @throws KUBE_CONFIG where the same was cached already with a transform or indexes of its own
   */
  kind<T extends KubeObject>(of: Resource<T>, options: KindOptions<T> = {}): Kind<T> {
    const around = { finalizer: this.#options.name, clock: this.#clock, observe: this.#observe };
    const kind = new HandledKind(this.#cacheOf(of, options), options, around);
    this.#kinds.push(kind as unknown as HandledKind<KubeObject>);
    return kind;
  }

  /** Objects that others depend on. Asked for the same again, it gives the same cache. */
  cache<T extends KubeObject>(of: Resource<T>, options: CacheOptions<T> = {}): Cache<T> {
    return this.#cacheOf(of, options);
  }

  /** Told each time when this process begins to lead, once all caches are filled and before a handler runs. */
  onLead(begin: (reign: Led) => void): void {
    this.#reigns.push(begin);
  }

  get leading(): boolean {
    return this.#leading;
  }

  get hasSynced(): boolean {
    return [...this.#caches.values()].every(({ hasSynced }) => hasSynced);
  }

  /** What the runtime itself needs; what handlers do comes on top. */
  permissions(): PolicyRule[] {
    return permissionsFor({
      cached: [...this.#caches.values()].map(({ resource }) => resource),
      finalized: this.#kinds
        .filter(({ finalizes }) => finalizes)
        .map(({ cache }) => cache.resource),
      elects: this.#options.lease !== undefined,
    });
  }

  /** Until the signal is aborted; then running handlers end, and the Lease is given back. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, lease } = this.#options;
    const over = new AbortController();
    const watching = [...this.#caches.values()].map((cache) => cache.run(over.signal));
    try {
      if (lease === undefined) await this.#lead(client, new AbortController().signal, signal);
      else {
        const options = { signal, clock: this.#clock, observe: this.#observe };
        await elect(client, lease, options, (term) =>
          this.#lead(client.guarded(term), term.signal, signal),
        );
      }
    } finally {
      over.abort();
      await Promise.all(watching);
    }
  }

  /** @param lost aborted when another may lead: then handlers are cut off, not waited for */
  async #lead(client: Client, lost: AbortSignal, signal: AbortSignal): Promise<void> {
    const end = AbortSignal.any([lost, signal]);
    const synced = Promise.all([...this.#caches.values()].map((cache) => cache.synced));
    await Promise.race([synced, aborted(end)]);
    if (end.aborted) return;
    const cut = new AbortController();
    const events = createRecorder(client, {
      controller: this.#options.name,
      instance: this.#options.lease?.identity ?? hostname(),
      clock: this.#clock,
      observe: this.#observe,
    });
    this.#leading = true;
    for (const begin of this.#reigns) begin({ client, signal: end });
    for (const kind of this.#kinds) kind.start({ client, events, signal: cut.signal });
    await aborted(end);
    this.#leading = false;
    const drained = Promise.all(this.#kinds.map((kind) => kind.stop()));
    // No timer is left behind: it would keep the process.
    const done = new AbortController();
    void drained.then(() => done.abort());
    const cutShort = AbortSignal.any([lost, done.signal]);
    await sleep(this.#clock, this.#options.drainMs ?? 10_000, cutShort);
    cut.abort(lost.reason ?? signal.reason);
    await sleep(this.#clock, abandonMs, done.signal);
    if (!lost.aborted) await events.flush();
  }

  #cacheOf<T extends KubeObject>(of: Resource<T>, options: CacheOptions<T>): WatchedCache<T> {
    const { namespace, labelSelector = '', fieldSelector = '' } = options;
    const name = `${pathOf(of, { namespace })}?${labelSelector}&${fieldSelector}`;
    const known = this.#caches.get(name);
    if (known === undefined) {
      const around = { clock: this.#clock, observe: this.#observe };
      const made = watchCache(this.#options.client, of, { ...around, ...options });
      this.#caches.set(name, made as unknown as WatchedCache<KubeObject>);
      return made;
    }
    if (options.transform !== undefined || options.indexes !== undefined) {
      const message = `${of.plural} are cached already: give transform and indexes the first time.`;
      throw new KubeError('KUBE_CONFIG', message);
    }
    return known as unknown as WatchedCache<T>;
  }
}
