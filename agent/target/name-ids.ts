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
  readonly #next: () => number;
  readonly #byName = { refused: new Map<string, NameId>(), allowed: new Map<string, NameId>() };
  readonly #byId = new Map<number, NameId>();

  /** `next` gives numbers that no other target uses. */
  constructor(next: () => number) {
    this.#next = next;
  }

  /** The number of a name, made at its first call. */
  intern(name: string, refused: boolean): { entry: NameId; fresh: boolean } {
    const names = this.#names(refused);
    const known = names.get(name);
    if (known) return { entry: known, fresh: false };
    const entry: NameId = { id: this.#next(), name, refused };
    names.set(name, entry);
    this.#byId.set(entry.id, entry);
    return { entry, fresh: true };
  }

  /** Its number is nobody's any more. */
  remove({ id, name, refused }: NameId): void {
    this.#names(refused).delete(name);
    this.#byId.delete(id);
  }

  /** Names that a process before gave these numbers; one without a text only takes its number. */
  restore(entries: Iterable<NameId>): void {
    for (const entry of entries) {
      this.#byId.set(entry.id, entry);
      if (entry.name !== '') this.#names(entry.refused).set(entry.name, entry);
    }
  }

  nameOf(id: number): string | null {
    return this.#byId.get(id)?.name || null;
  }

  [Symbol.iterator](): IterableIterator<NameId> {
    return this.#byId.values();
  }

  #names(refused: boolean): Map<string, NameId> {
    return refused ? this.#byName.refused : this.#byName.allowed;
  }
}
