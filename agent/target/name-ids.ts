/**
 * Numbers for names, so that a learned address carries the identity of its name into the kernel. A
 * name has a second number for answers that Block would refuse: addresses marked with it are allowed
 * by no rule, and still tell their domain.
 */
export interface NameId {
  readonly id: number;
  readonly name: string;
  readonly refused: boolean;
}

export class NameIds {
  readonly #byKey = new Map<string, NameId>();
  readonly #byId = new Map<number, NameId>();

  /** The number of a name, made at its first call; from 1, never used for another. */
  intern(name: string, refused: boolean): { entry: NameId; fresh: boolean } {
    const key = refused ? `${name}\0refused` : name;
    const known = this.#byKey.get(key);
    if (known) return { entry: known, fresh: false };
    const entry: NameId = { id: this.#byId.size + 1, name, refused };
    this.#byKey.set(key, entry);
    this.#byId.set(entry.id, entry);
    return { entry, fresh: true };
  }

  nameOf(id: number): string | null {
    return this.#byId.get(id)?.name ?? null;
  }

  [Symbol.iterator](): IterableIterator<NameId> {
    return this.#byId.values();
  }
}
