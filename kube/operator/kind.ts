/** One kind of objects: its handlers, and the queue that calls them. */
import type { WatchedCache } from '../cache/cache.ts';
import type { Cache, Change } from '../cache/types.ts';
import type { Client } from '../client/types.ts';
import type { Clock } from '../clock.ts';
import { isKubeError } from '../errors.ts';
import type { EventRecorder } from '../events/types.ts';
import { addFinalizer, removeFinalizer } from '../objects/finalizers.ts';
import type { Key, KubeObject } from '../objects/types.ts';
import type { Observe } from '../observe.ts';
import { KeyedQueue } from '../queue/queue.ts';
import { causeOf, matters, observedGeneration } from './cause.ts';
import { withLimit } from './limit.ts';
import { Memories, type Memory, type Progress, progressOf } from './memory.ts';
import type * as types from './types.ts';

/** What handlers are given for as long as this process leads. */
export interface Reign {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly signal: AbortSignal;
}

export interface Surroundings {
  readonly finalizer: string;
  readonly clock: Clock;
  readonly observe: Observe;
}

interface OnCause<T extends KubeObject> {
  readonly id: string;
  readonly causes: readonly types.Cause[];
  readonly handler: types.Handler<T>;
  readonly options: types.HandlerOptions<T>;
}

interface Reconciler<T extends KubeObject> {
  readonly id: string;
  readonly timeoutMs: number;
  readonly handler: types.Reconcile<T>;
}

interface Timer<T extends KubeObject> extends types.TimerOptions<T> {
  readonly id: string;
  readonly handler: types.Handler<T>;
}

const ownTimeoutMs = 60_000;

export class HandledKind<T extends KubeObject> implements types.Kind<T> {
  readonly cache: WatchedCache<T>;
  readonly #options: types.KindOptions<T>;
  readonly #around: Surroundings;
  readonly #queue: KeyedQueue;
  readonly #handlers: OnCause<T>[] = [];
  readonly #reconcilers: Reconciler<T>[] = [];
  readonly #timers: Timer<T>[] = [];
  readonly #memories = new Memories<T>();
  #reign: Reign | undefined;

  constructor(cache: WatchedCache<T>, options: types.KindOptions<T>, around: Surroundings) {
    this.cache = cache;
    this.#options = options;
    this.#around = around;
    this.#queue = new KeyedQueue({
      run: (key, attempt) => this.#turn(key, attempt),
      concurrency: options.concurrency ?? 4,
      clock: around.clock,
      waiting: (waiting) => around.observe({ type: 'queue', name: cache.resource.plural, waiting }),
    });
    cache.subscribe((change) => this.#changed(change));
  }

  on(
    causes: types.Cause | readonly types.Cause[],
    handler: types.Handler<T>,
    options: types.HandlerOptions<T> = {},
  ): this {
    const id = this.#idOf(options.id, handler);
    this.#handlers.push({ id, causes: [causes].flat() as types.Cause[], handler, options });
    return this;
  }

  timer(options: types.TimerOptions<T>, handler: types.Handler<T>): this {
    this.#timers.push({ ...options, id: this.#idOf(options.id, handler), handler });
    return this;
  }

  reconcile(
    handler: types.Reconcile<T>,
    options: Pick<types.HandlerOptions<T>, 'id' | 'timeoutMs'> = {},
  ): this {
    const { timeoutMs = ownTimeoutMs } = options;
    this.#reconcilers.push({ id: this.#idOf(options.id, handler), timeoutMs, handler });
    return this;
  }

  dependsOn<U extends KubeObject>(other: Cache<U>, keys: (object: U) => Iterable<Key>): this {
    other.subscribe(({ object, old }) => {
      for (const key of old === undefined ? [] : keys(old)) this.wake(key);
      for (const key of object === undefined ? [] : keys(object)) this.wake(key);
    });
    return this;
  }

  wake(key: Key): void {
    this.#queue.add(key);
  }

  /** Does it keep what is deleted until a handler has run? */
  get finalizes(): boolean {
    return this.#handlers.some(({ causes }) => causes.includes('delete'));
  }

  /** From now on handlers run, for every object anew: another replica may have led meanwhile. */
  start(reign: Reign): void {
    this.#reign = reign;
    this.#memories.clear();
    this.#queue.clear();
    this.#queue.start(this.cache.keys());
  }

  /** Resolves when the last running handler has ended. Nothing waits any more: a next reign begins anew. */
  async stop(): Promise<void> {
    await this.#queue.pause();
    this.#queue.clear();
  }

  #changed({ key, object, old }: Change<T>): void {
    if (object === undefined || matters(old, object)) this.#queue.add(key);
    else this.#queue.nudge(key);
  }

  async #turn(key: Key, attempt: number): Promise<number | undefined> {
    const reign = this.#reign;
    if (reign === undefined) return undefined;
    const object = this.cache.get(key);
    if (object === undefined) this.#memories.forget(key);
    else await this.#handle(key, object, reign);
    const waits = await this.#reconcile(key, attempt, reign);
    if (object !== undefined) waits.push(...(await this.#tick(key, object, reign)));
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  async #handle(key: Key, object: T, reign: Reign): Promise<void> {
    const { finalizer } = this.#around;
    const { resource } = this.cache;
    const memory = this.#memories.of(key, object);
    const handled = this.#options.handledGeneration ?? observedGeneration;
    const cause = causeOf(object, memory.past, handled, finalizer);
    if (cause === undefined || memory.released) return;
    const progress = progressOf(memory, cause, object);
    const current = await this.#told('finalizer', key, 0, () =>
      cause !== 'delete' && this.finalizes
        ? addFinalizer(reign.client, resource, object, finalizer)
        : object,
    );
    // Gone meanwhile: the cache will say so.
    if (current === undefined) return;
    for (const one of this.#handlers) {
      if (one.causes.includes(cause))
        await this.#attempt(one, key, current, { memory, progress, reign });
    }
    if (cause === 'delete') {
      await this.#told('finalizer', key, 0, () =>
        removeFinalizer(reign.client, resource, object, finalizer),
      );
      memory.released = true;
    }
    memory.past = { handled: object };
    memory.progress = undefined;
  }

  /** Once more, or not at all where it was done or given up. */
  async #attempt(
    { id, handler, options }: OnCause<T>,
    key: Key,
    object: T,
    { memory, progress, reign }: { memory: Memory<T>; progress: Progress<T>; reign: Reign },
  ): Promise<void> {
    const { cause, done, failures } = progress;
    if (done.has(id)) return;
    const attempt = failures.get(id) ?? 0;
    const { client, events } = reign;
    const old = memory.past?.handled;
    const context = { key, object, old, cause, attempt, signal: reign.signal, client, events };
    try {
      if (options.when?.(context) !== false) {
        await this.#limited(id, key, attempt, { reign, timeoutMs: options.timeoutMs }, (signal) =>
          handler({ ...context, signal }),
        );
      }
    } catch (error) {
      failures.set(id, attempt + 1);
      const last = isKubeError(error, 'KUBE_PERMANENT') || attempt >= (options.retries ?? Infinity);
      if (reign.signal.aborted || !last) throw error;
      this.#gaveUp(id, object, cause, error);
    }
    done.add(id);
  }

  async #reconcile(key: Key, attempt: number, reign: Reign): Promise<number[]> {
    const waits: number[] = [];
    for (const { id, timeoutMs, handler } of this.#reconcilers) {
      const { client, events } = reign;
      const object = this.cache.get(key);
      const result = await this.#limited(id, key, attempt, { reign, timeoutMs }, (signal) =>
        handler({ key, object, attempt, signal, client, events }),
      );
      if (result?.requeueAfterMs !== undefined) waits.push(result.requeueAfterMs);
    }
    return waits;
  }

  /** Calls the timers that are due; gives how long each of them has yet. */
  async #tick(key: Key, object: T, reign: Reign): Promise<number[]> {
    if (object.metadata.deletionTimestamp !== undefined) return [];
    const { due, past } = this.#memories.of(key, object);
    const { clock } = this.#around;
    const waits: number[] = [];
    for (const { id, everyMs, timeoutMs, when, handler } of this.#timers) {
      const at = due.get(id) ?? clock.monotonic() + everyMs;
      due.set(id, at);
      if (clock.monotonic() >= at) {
        due.set(id, clock.monotonic() + everyMs);
        const { client, events } = reign;
        const context = { key, object, old: past?.handled, cause: 'resume', attempt: 0 } as const;
        if (when?.(object) !== false) {
          // The next turn of the timer is its retry.
          await this.#limited(id, key, 0, { reign, timeoutMs }, (signal) =>
            handler({ ...context, signal, client, events }),
          ).catch(() => undefined);
        }
      }
      waits.push(Math.max(0, (due.get(id) ?? 0) - clock.monotonic()));
    }
    return waits;
  }

  #limited<R>(
    id: string,
    key: Key,
    attempt: number,
    { reign, timeoutMs = ownTimeoutMs }: { reign: Reign; timeoutMs?: number | undefined },
    run: (signal: AbortSignal) => Promise<R> | R,
  ): Promise<R> {
    const limit = { id, timeoutMs, parent: reign.signal };
    return this.#told(id, key, attempt, () => withLimit(this.#around.clock, limit, run));
  }

  async #told<R>(
    handler: string,
    key: Key,
    attempt: number,
    run: () => Promise<R> | R,
  ): Promise<R> {
    const { clock, observe } = this.#around;
    const begun = clock.monotonic();
    const tell = (error: unknown) => {
      const ms = clock.monotonic() - begun;
      const resource = this.cache.resource.plural;
      observe({ type: 'handled', resource, key, handler, ms, attempt, error });
    };
    try {
      const result = await run();
      tell(undefined);
      return result;
    } catch (error) {
      tell(error);
      throw error;
    }
  }

  #gaveUp(id: string, object: T, cause: types.Cause, error: unknown): void {
    const said = error instanceof Error ? error.message : String(error);
    this.#reign?.events.record(this.cache.resource, object, {
      type: 'Warning',
      reason: 'HandlerFailed',
      action: `${cause.charAt(0).toUpperCase()}${cause.slice(1)}`,
      note: `${id}: ${said}`,
    });
  }

  /** Progress is kept by id, so no two may share one. */
  #idOf(given: string | undefined, handler: { readonly name: string }): string {
    const ids = [...this.#handlers, ...this.#reconcilers, ...this.#timers].map(({ id }) => id);
    const id = given ?? (handler.name || `handler-${ids.length + 1}`);
    return ids.includes(id) ? this.#idOf(`${id}-${ids.length + 1}`, handler) : id;
  }
}
