/** A local copy of what a selector matches, kept up to date by a reflector. */
import type { Selectors } from '../client/types.ts';
import type { Key, KubeObject } from '../objects/types.ts';

export interface CacheOptions<T extends KubeObject> extends Selectors {
  /** What of an object is kept. `withoutManagedFields` unless told. Must keep metadata. */
  readonly transform?: (object: T) => T;
  /**
   * How long one watch lasts; 290 unless told. A peer that is gone is noticed after some 25 seconds; one that
   * only looks alive (a proxy before it answers probes) 15 seconds after this time.
   */
  readonly watchSeconds?: number;
  /** By name: under which values an object is found by `by`. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

/** Objects are shared: never change one in place. */
export interface Reader<T extends KubeObject> {
  get(key: Key): T | undefined;
  list(): Iterable<T>;
  /** What an index holds under a value, in no order. */
  by(index: string, value: string): Iterable<T>;
  readonly size: number;
}

/** `old` is what the cache held before, `object` what it holds now; one of them may be missing. */
export interface Change<T extends KubeObject> {
  readonly key: Key;
  readonly object: T | undefined;
  readonly old: T | undefined;
  /** Part of a list: the first one or one after a gap. Its deletions were not seen, only found. */
  readonly listed: boolean;
}

export interface Cache<T extends KubeObject> extends Reader<T> {
  /** Whether the first list is complete. */
  readonly hasSynced: boolean;
  /** Resolves when it is. */
  readonly synced: Promise<void>;
  /** Told of all that is there already, then of every change. What it gives unsubscribes. */
  subscribe(listener: (change: Change<T>) => void): () => void;
}
