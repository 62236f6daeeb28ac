/**
 * What the replica that leads knows beyond what is written. It begins anew with each reign: what is written then is
 * the truth.
 */
import type { EgressEvent } from '#api/event.ts';
import { isOlder, type Key } from '#kube/index.ts';
import { Entry, type StoredRow } from './entry.ts';
import { FOLDED, identify } from './identity.ts';
import { folded, merged, type Origin } from './merge.ts';
import type { Room } from './room.ts';

/** Sources that are remembered, the last ones. */
const SOURCES = 8192;

export class Book {
  readonly #cached: (key: Key) => StoredRow | undefined;
  readonly #room: Room;
  readonly #entries = new Map<Key, Entry>();
  /** By mark: up to which row a source has heard that all is kept. */
  readonly #heard = new Map<string, number>();
  #closed: Error | undefined;

  constructor(cached: (key: Key) => StoredRow | undefined, room: Room) {
    this.#cached = cached;
    this.#room = room;
  }

  get(key: Key): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Objects with rows that are not written yet. */
  get unwritten(): number {
    return [...this.#entries.values()].filter(({ isWritten }) => !isWritten).length;
  }

  /** A source that goes on from here has heard of all that is before. */
  hear(mark: string, first: number): void {
    this.#heard.delete(mark);
    this.#heard.set(mark, first - 1);
    for (const oldest of this.#heard.keys()) {
      if (this.#heard.size <= SOURCES) break;
      this.#heard.delete(oldest);
    }
  }

  readonly isHeard = (mark: string, seq: number): boolean => seq <= (this.#heard.get(mark) ?? 0);

  /** Adds a row up, and gives the object that counts it. `isNew`: it did not before. */
  add(
    namespace: string,
    { event, seq }: { readonly event: EgressEvent; readonly seq: number },
    from: Origin & { readonly mark: string },
  ): { readonly key: Key; readonly isNew: boolean } {
    const { name, job } = identify(event);
    const own = `${namespace}/${name}`;
    const hasRoom = this.#room.has(own) || this.#room.hasRoomFor({ namespace, job });
    if (hasRoom) this.#room.add(own, { namespace, job });
    const key = hasRoom ? own : `${namespace}/${FOLDED}`;
    const merge = hasRoom ? merged : folded;
    const entry = this.#entries.get(key) ?? new Entry(this.#cached(key), merge);
    const isNew = entry.add({ ...from, event, seq });
    if (isNew) this.#entries.set(key, entry);
    return { key, isNew };
  }

  /**
   * The cache has come to this version, or knows of the end of it: what was written up to there need not be known
   * here too.
   */
  seen(key: Key, object = this.#cached(key)): void {
    const entry = this.#entries.get(key);
    if (entry?.isWritten !== true || object === undefined) return;
    const { resourceVersion } = entry.stored?.metadata ?? {};
    if (!isOlder(object.metadata.resourceVersion, resourceVersion)) this.#entries.delete(key);
  }

  /** Resolves when all that an object counts now is written. Rejects when this reign ends. */
  kept(key: Key): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return this.#entries.get(key)?.kept() ?? Promise.resolve();
  }

  /** It can never be written: nobody need wait for it. */
  drop(key: Key): void {
    this.#entries.get(key)?.end();
    this.#forget(key);
  }

  /** The reign is over: whoever waits sends it again, to whoever leads then. */
  close(error: Error): void {
    this.#closed = error;
    for (const [key, entry] of this.#entries) {
      entry.end(error);
      this.#forget(key);
    }
  }

  #forget(key: Key): void {
    this.#entries.delete(key);
    if (this.#cached(key) === undefined) this.#room.delete(key);
  }
}
