/** Numbers that all targets of an engine share, and go on from those of the engine before. */
import { failure } from '#api/error.ts';
import { MAX_NAME_ID } from '#bpf/layout.ts';
import { errors } from '../errors.ts';

interface Last {
  readonly table: number;
  readonly target: number;
}

export class Numbers {
  #table: number;
  #target: number;
  #name: number;
  readonly #save: (last: Last) => void;
  readonly #free: number[];

  /**
   * `last`: the numbers that were given before; `names`: those of names that are in use. `save` writes a
   * number down before it is given.
   */
  constructor(
    last: Last = { table: 0, target: 0 },
    names: readonly number[] = [],
    save: (last: Last) => void = () => undefined,
  ) {
    this.#table = last.table;
    this.#target = last.target;
    this.#save = save;
    const used = new Set(names);
    this.#name = names.reduce((a, b) => Math.max(a, b), 0);
    this.#free = Array.from({ length: this.#name }, (_, i) => i + 1).filter((id) => !used.has(id));
  }

  /** The number of a target, never used again, from 1. */
  nextTarget(): number {
    this.#target += 1;
    this.#save({ table: this.#table, target: this.#target });
    return this.#target;
  }

  /** The number of a rule table, never used again: odd after even, even after odd, from 1. */
  nextTable(before: number): number {
    this.#table += (this.#table + 1) % 2 === before % 2 ? 2 : 1;
    this.#save({ table: this.#table, target: this.#target });
    return this.#table;
  }

  /** No socket and no row knows these numbers: a target has ended, or they were never given away. */
  freeNames(ids: Iterable<number>): void {
    for (const id of ids) this.#free.push(id);
  }

  /** The number of a name, from 1. @throws TW_AGENT_NAMES when a verdict has no bits for another */
  nextName(): number {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    if (this.#name === MAX_NAME_ID) throw failure(errors.tooManyNames, { limit: MAX_NAME_ID });
    return ++this.#name;
  }
}
