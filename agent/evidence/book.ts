/** The rows of one target by what makes them the same row, and what was told of each. */
import type { EgressEvent } from '#api/event.ts';
import { maskEvent } from '#api/mask.ts';
import { countedOf, type Entry, partsOf } from './entry.ts';
import { identity, rowId } from './identity.ts';
import { nameContainer, type PartName } from './parts.ts';
import type { Part, ToldRow } from './told-row.ts';

/** A row as it would begin: what an entry is made of. */
export interface Draft {
  readonly event: EgressEvent;
  readonly start: bigint;
  readonly container: PartName;
  /** The row of the kernel, or of what is written down of lookups, behind it, and how much of that was told. */
  readonly of?: { readonly row: string; readonly told: number };
  /** Set where another one is the same in all that is still known of both. */
  readonly number?: number;
}

export class Book {
  readonly #onRow: (event: EgressEvent, parts: readonly Part[]) => void;
  readonly #entries = new Map<string, Entry>();

  /** `onRow`: told once per row, as it happens. Rows leave the book masked, there and elsewhere. */
  constructor(onRow: (event: EgressEvent, parts: readonly Part[]) => void) {
    this.#onRow = onRow;
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Is there a row of this lookup? */
  has(draft: Draft): boolean {
    return this.#entries.has(idOf(draft, true));
  }

  /** The draft's row, begun and told where there is none. `asked`: it is a lookup. */
  entry(draft: Draft, asked?: { readonly waiting: boolean }): Entry {
    const { event, start, container, of } = draft;
    const lookup = asked !== undefined;
    const id = idOf(draft, lookup);
    const known = this.#entries.get(id);
    if (known) return of ? join(known, of) : known;
    event.id = id;
    const { waiting = false } = asked ?? {};
    const naming = nameContainer(event, container);
    const entry: Entry = {
      ...{ event, start, counts: [], lookup, waiting, merged: false, naming, saying: undefined },
      ...{ told: 0, row: lookup ? of?.row : undefined },
    };
    this.#entries.set(id, entry);
    if (of) join(entry, of);
    if (waiting || entry.told > 0) return entry;
    entry.told = 1;
    if (of && !lookup) countedOf(entry, of.row).told = 1;
    const parts = of ? [{ row: of.row, from: 0, to: 1 }] : [];
    this.#say(entry, parts, () => ({ ...event, count: 1, added: 1 }));
    return entry;
  }

  /** One that waited. */
  tell(entry: Entry): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    const { count } = entry.event;
    const parts = partsOf(entry);
    entry.told = count;
    this.#say(entry, parts, () => ({ ...entry.event, count, added: count }));
  }

  /** Rows that have happened more often than was told. What waits goes on waiting. */
  grown(): ToldRow[] {
    return [...this.#entries.values()]
      .filter(({ waiting, merged, saying }) => !waiting && !merged && saying === undefined)
      .filter(({ event, told }) => event.count > told)
      .map(last);
  }

  /** All of them with their final counts; what waited is told first. */
  finish(): ToldRow[] {
    const rows = [...this.#entries.values()].filter(({ merged }) => !merged);
    return rows.map((entry) => {
      this.tell(entry);
      return last(entry);
    });
  }

  /** Resolves when all that was to be told first has been told. */
  async said(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ saying }) => saying));
  }

  /** As soon as it is known which container it is of. */
  #say(entry: Entry, parts: readonly Part[], event: () => EgressEvent): void {
    const say = () => {
      entry.saying = undefined;
      this.#onRow(maskEvent(event()), parts);
    };
    if (entry.naming === undefined) say();
    else entry.saying = entry.naming.then(say);
  }
}

function idOf({ event, start, number }: Draft, isLookup: boolean): string {
  return rowId(event.target, identity(event, start, isLookup, number));
}

/** One more row of the kernel, or what is written down of a lookup, is a part of this one. */
function join(entry: Entry, { row, told }: { readonly row: string; readonly told: number }): Entry {
  entry.told += told;
  if (!entry.lookup) countedOf(entry, row).told = told;
  return entry;
}

function last(entry: Entry): ToldRow {
  const { event, told } = entry;
  const parts = partsOf(entry);
  entry.told = event.count;
  return { event: maskEvent({ ...event, added: Math.max(0, event.count - told) }), parts };
}
