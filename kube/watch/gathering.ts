/** The initial list as a watch gives it: events, up to a bookmark that says that it was all. */
import type { WatchEvent } from '../client/types.ts';
import { type Key, type KubeObject, keyOf } from '../objects/types.ts';

const endOfList = 'k8s.io/initial-events-end';

export class Gathering<T extends KubeObject> {
  readonly #objects = new Map<Key, T>();

  get size(): number {
    return this.#objects.size;
  }

  objects(): Iterable<T> {
    return this.#objects.values();
  }

  /** True when it was the last; then `objects` are those of the bookmark's version. */
  take({ type, object }: WatchEvent<T>, keep: (object: T) => T): boolean {
    if (type === 'BOOKMARK') return object.metadata.annotations?.[endOfList] === 'true';
    if (type === 'DELETED') this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), keep(object));
    return false;
  }
}
