/** A cache that a reflector keeps true, and that tells its listeners of each change. */
import type { Resource } from '../client/resource.ts';
import type { Client } from '../client/types.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type Key, type KubeObject, keyOf } from '../objects/types.ts';
import { isOlder } from '../objects/versions.ts';
import type { Observe } from '../observe.ts';
import { Reflector, type Sink } from '../watch/reflector.ts';
import { Store } from './store.ts';
import { withoutManagedFields } from './transform.ts';
import type { Cache, CacheOptions, Change } from './types.ts';

export interface WatchOptions<T extends KubeObject> extends CacheOptions<T> {
  readonly clock?: Clock;
  readonly observe?: Observe;
}

/** @example const cache = watchCache(client, pods, { fieldSelector: `spec.nodeName=${node}` }); await cache.run(signal); */
export function watchCache<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  options: WatchOptions<T> = {},
): WatchedCache<T> {
  return new WatchedCache(client, of, options);
}

type Listener<T extends KubeObject> = (change: Change<T>) => void;

export class WatchedCache<T extends KubeObject> implements Cache<T> {
  readonly resource: Resource<T>;
  readonly #store: Store<T>;
  readonly #listeners = new Set<Listener<T>>();
  readonly #observe: Observe;
  readonly #reflector: Reflector<T>;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(client: Client, of: Resource<T>, options: WatchOptions<T>) {
    const {
      clock = systemClock,
      observe = () => undefined,
      transform,
      watchSeconds = 290,
    } = options;
    const { namespace, labelSelector, fieldSelector } = options;
    this.resource = of;
    this.#observe = observe;
    this.#store = new Store(options.indexes);
    const sink: Sink<T> = {
      replace: (objects) => this.#replace(objects),
      put: (object) => this.#put(object, false),
      remove: (object) => this.#remove(keyOf(object), object, false),
    };
    this.#reflector = new Reflector(client, of, sink, {
      selectors: {
        ...(namespace === undefined ? {} : { namespace }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
      },
      keep: transform ?? withoutManagedFields,
      clock,
      observe,
      watchSeconds,
    });
  }

  /** Lists, then follows until the signal is aborted, through every fault of the API server. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get size(): number {
    return this.#store.size;
  }

  get(key: Key): T | undefined {
    return this.#store.get(key);
  }

  list(): Iterable<T> {
    return this.#store.list();
  }

  keys(): Iterable<Key> {
    return this.#store.keys();
  }

  by(index: string, value: string): Iterable<T> {
    return this.#store.by(index, value);
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    for (const object of [...this.#store.list()]) {
      this.#call(listener, { key: keyOf(object), object, old: undefined, listed: true });
    }
    return () => this.#listeners.delete(listener);
  }

  #replace(objects: Iterable<T>): void {
    const gone = new Set(this.#store.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#put(object, true);
    }
    for (const key of gone) this.#remove(key, undefined, true);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  /** A list is the truth; an event may be one that we had already, or one of a server that is behind. */
  #put(object: T, listed: boolean): void {
    const key = keyOf(object);
    const old = this.#store.get(key);
    const same = old !== undefined && old.metadata.uid === object.metadata.uid;
    const { resourceVersion } = object.metadata;
    if (same && old.metadata.resourceVersion === resourceVersion) return;
    if (same && !listed && isOlder(resourceVersion, old.metadata.resourceVersion)) return;
    // Deleted and made again while nobody looked: two objects, two changes.
    if (old !== undefined && !same) this.#remove(key, undefined, true);
    this.#store.put(object);
    this.#tell({ key, object, old: same ? old : undefined, listed });
  }

  #remove(key: Key, last: T | undefined, listed: boolean): void {
    const known = this.#store.get(key);
    if (known === undefined) return;
    const another = last !== undefined && last.metadata.uid !== known.metadata.uid;
    const older = isOlder(last?.metadata.resourceVersion, known.metadata.resourceVersion);
    if (another || older) return;
    this.#store.remove(key);
    this.#tell({ key, object: undefined, old: known, listed });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) this.#call(listener, change);
  }

  #call(listener: Listener<T>, change: Change<T>): void {
    try {
      listener(change);
    } catch (error) {
      this.#observe({ type: 'listener-failed', resource: this.resource.plural, error });
    }
  }
}
