/** Which objects there are, and whether there is room for one more. */
import type { Key } from '#kube/index.ts';
import type { ViolationLimits } from './limits.ts';

type Bounds = Pick<ViolationLimits, 'perNamespace' | 'perJob' | 'total'>;

interface Place {
  readonly namespace: string;
  readonly job: string;
}

export class Room {
  readonly #bounds: Bounds;
  readonly #places = new Map<Key, Place>();
  readonly #namespaces = new Counts();
  readonly #jobs = new Counts();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#places.size;
  }

  has(key: Key): boolean {
    return this.#places.has(key);
  }

  hasRoomFor({ namespace, job }: Place): boolean {
    const { perNamespace, perJob, total } = this.#bounds;
    return (
      this.size < total &&
      this.#namespaces.of(namespace) < perNamespace &&
      this.#jobs.of(`${namespace}/${job}`) < perJob
    );
  }

  add(key: Key, place: Place): void {
    if (this.#places.has(key)) return;
    this.#places.set(key, place);
    this.#namespaces.add(place.namespace, 1);
    this.#jobs.add(`${place.namespace}/${place.job}`, 1);
  }

  delete(key: Key): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#namespaces.add(place.namespace, -1);
    this.#jobs.add(`${place.namespace}/${place.job}`, -1);
  }
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
