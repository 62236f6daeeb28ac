/** Objects by key and by index. */
import { type Key, type KubeObject, keyOf } from '../objects/types.ts';
import type { CacheOptions, Reader } from './types.ts';

type Indexes<T extends KubeObject> = CacheOptions<T>['indexes'];

export class Store<T extends KubeObject> implements Reader<T> {
  readonly #objects = new Map<Key, T>();
  readonly #indexes: readonly Index<T>[];

  constructor(indexes: Indexes<T> = {}) {
    this.#indexes = Object.entries(indexes).map(([name, valuesOf]) => new Index(name, valuesOf));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: Key): T | undefined {
    return this.#objects.get(key);
  }

  list(): Iterable<T> {
    return this.#objects.values();
  }

  keys(): Iterable<Key> {
    return this.#objects.keys();
  }

  by(name: string, value: string): Iterable<T> {
    const index = this.#indexes.find((one) => one.name === name);
    if (index === undefined) throw new TypeError(`There is no index named ${name}.`);
    return index.at(value);
  }

  put(object: T): void {
    const key = keyOf(object);
    this.remove(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes) index.add(key, object);
  }

  remove(key: Key): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    for (const index of this.#indexes) index.remove(key, old);
  }
}

class Index<T extends KubeObject> {
  readonly name: string;
  readonly #valuesOf: (object: T) => readonly string[];
  readonly #values = new Map<string, Map<Key, T>>();

  constructor(name: string, valuesOf: (object: T) => readonly string[]) {
    this.name = name;
    this.#valuesOf = valuesOf;
  }

  at(value: string): Iterable<T> {
    return this.#values.get(value)?.values() ?? [];
  }

  add(key: Key, object: T): void {
    for (const value of this.#valuesOf(object)) {
      const found = this.#values.get(value) ?? new Map<Key, T>();
      this.#values.set(value, found.set(key, object));
    }
  }

  remove(key: Key, object: T): void {
    for (const value of this.#valuesOf(object)) {
      const found = this.#values.get(value);
      found?.delete(key);
      if (found?.size === 0) this.#values.delete(value);
    }
  }
}

/** A reader of given objects: for pure functions in tests. */
export function readerOf<T extends KubeObject>(
  objects: Iterable<T>,
  indexes?: Indexes<T>,
): Reader<T> {
  const store = new Store<T>(indexes);
  for (const object of objects) store.put(object);
  return store;
}
