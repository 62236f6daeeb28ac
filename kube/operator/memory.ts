/** What a kind remembers of each key, for as long as the object is there and this process leads. */
import type { Key, KubeObject } from '../objects/types.ts';
import { type Past, sameVersion } from './cause.ts';
import type { Cause } from './types.ts';

/** How far the handlers of one cause have come with one version. */
export interface Progress<T extends KubeObject> {
  readonly cause: Cause;
  readonly object: T;
  readonly done: Set<string>;
  readonly failures: Map<string, number>;
}

export interface Memory<T extends KubeObject> {
  readonly uid: string | undefined;
  past: Past<T> | undefined;
  progress: Progress<T> | undefined;
  /** Our finalizer is gone; the cache may not know yet. */
  released: boolean;
  /** When each timer is due, on the monotonic clock. */
  readonly due: Map<string, number>;
}

export class Memories<T extends KubeObject> {
  readonly #of = new Map<Key, Memory<T>>();

  /** Another object of the same name has no past. */
  of(key: Key, { metadata: { uid } }: T): Memory<T> {
    const known = this.#of.get(key);
    if (known?.uid === uid && known !== undefined) return known;
    const fresh: Memory<T> = {
      uid,
      past: undefined,
      progress: undefined,
      released: false,
      due: new Map(),
    };
    this.#of.set(key, fresh);
    return fresh;
  }

  forget(key: Key): void {
    this.#of.delete(key);
  }

  clear(): void {
    this.#of.clear();
  }
}

/** Goes on where the cause and what the object asks for are the same; else from the beginning. */
export function progressOf<T extends KubeObject>(
  memory: Memory<T>,
  cause: Cause,
  object: T,
): Progress<T> {
  const { progress } = memory;
  if (progress?.cause === cause && sameVersion(progress.object, object)) return progress;
  memory.progress = { cause, object, done: new Set(), failures: new Map() };
  return memory.progress;
}
