/**
 * Refused lookups of one target: how many rows they may have, and what of them outlives this process. The kernel
 * counts packets, and a name that is refused never becomes one, so each lookup is written down as it is counted.
 */
import { reasons } from '#api/event.ts';
import {
  type LookupTable,
  type NumberedLookup,
  timesOf,
  toldLookupKey,
} from '#bpf/lookup-table.ts';
import type { KeptLookup } from '#bpf/records.ts';
import type { RefusedQuery } from '#dns/ports.ts';
import type { Entry } from './entry.ts';

/** Rows of refused lookups that one target may have; names are cheap to make up. */
export const LOOKUP_BUDGET = 1024;
/** Of all lookups that have no row of their own. */
export const BEYOND = 0;

export type LookupStore = Pick<LookupTable, 'write' | 'delete' | 'of'>;

export interface RefusedLookupsParts {
  readonly target: number;
  /** Where they outlive this process; without, nowhere. */
  readonly store: LookupStore | undefined;
  /** There was no room: what has not been told yet of it is lost with this process. */
  full(cause: unknown): void;
}

/** Who asked, and by which rule table it was judged. */
export type Asked = Pick<KeptLookup, 'pid' | 'start' | 'table' | 'first'>;

/** A row of its own, as it is written down. */
interface Kept {
  readonly number: number;
  readonly fixed: Omit<KeptLookup, 'types' | 'last'>;
}

export class RefusedLookups {
  readonly #parts: RefusedLookupsParts;
  readonly #kept = new Map<Entry, Kept>();
  /** The last number that was given. */
  #last = 0;
  #beyond = 0;
  #isFull = false;
  #ended = false;

  constructor(parts: RefusedLookupsParts) {
    this.#parts = parts;
  }

  /** How many have no row of their own, counted exactly. */
  get beyond(): number {
    return this.#beyond;
  }

  /** May there be one more row? Where not, it is counted. */
  hasRoom(query: RefusedQuery, asked: Asked): boolean {
    if (this.#last < LOOKUP_BUDGET) return true;
    this.#beyond++;
    this.#write(BEYOND, { ...fixedOf(query, asked), ...times(asked.first, this.#beyond) });
    return false;
  }

  /** A row of its own, which has happened once; the key under which is written down how much of it was told. */
  begin(query: RefusedQuery, asked: Asked): Begun {
    const kept = { number: ++this.#last, fixed: fixedOf(query, asked) };
    const isWritten = this.#write(kept.number, {
      ...kept.fixed,
      ...times(asked.first, 1, query.type),
    });
    return {
      row: isWritten ? this.#rowOf(kept.number) : undefined,
      keep: (entry) => void (isWritten && this.#kept.set(entry, kept)),
    };
  }

  /** It has happened once more; not for one that has just begun, or whose place another row took. */
  note(entry: Entry): void {
    const kept = this.#kept.get(entry);
    if (kept === undefined) return;
    const types = entry.counts.map(({ of, count }) => ({ type: Number(of), count }));
    this.#write(kept.number, { ...kept.fixed, types, last: Date.parse(entry.event.last_seen) });
  }

  /** Another row says all that it said. */
  forget(entry: Entry): void {
    const kept = this.#kept.get(entry);
    if (kept === undefined) return;
    this.#kept.delete(entry);
    if (!this.#ended) this.#parts.store?.delete(this.#parts.target, kept.number);
  }

  /** What processes before this one wrote down; what of it gets a row again is for `keep`. */
  recall(): readonly Recalled[] {
    const all = this.#parts.store?.of(this.#parts.target) ?? [];
    return all.flatMap((one) => this.#recalled(one));
  }

  /** Its rows are told for the last time: whoever owns the target deletes them. */
  end(): void {
    this.#ended = true;
  }

  #recalled({ number, lookup }: NumberedLookup): readonly Recalled[] {
    if (number === BEYOND) {
      this.#beyond = Math.max(this.#beyond, timesOf(lookup));
      return [];
    }
    this.#last = Math.max(this.#last, number);
    const { types, last, ...fixed } = lookup;
    const keep = (entry: Entry) => void this.#kept.set(entry, { number, fixed });
    return [{ number, lookup, row: this.#rowOf(number), keep }];
  }

  #rowOf(number: number): string {
    return toldLookupKey(this.#parts.target, number).toString('latin1');
  }

  #write(number: number, lookup: KeptLookup): boolean {
    const { store, target, full } = this.#parts;
    if (store === undefined || this.#ended) return false;
    try {
      store.write(target, number, lookup);
      this.#isFull = false;
      return true;
    } catch (error) {
      if (!this.#isFull) full(error);
      this.#isFull = true;
      return false;
    }
  }
}

export interface Begun {
  /** Undefined where it is not written down. */
  readonly row: string | undefined;
  /** The row that it has become. */
  keep(entry: Entry): void;
}

export interface Recalled extends Begun {
  readonly number: number;
  readonly lookup: KeptLookup;
  readonly row: string;
}

function fixedOf(query: RefusedQuery, asked: Asked): Kept['fixed'] {
  const { name, rule, address, resolved } = query;
  const reason = reasons.indexOf(query.reason);
  return { ...asked, name, rule, address, reason, passed: resolved };
}

function times(at: number, count: number, type = 0): Pick<KeptLookup, 'types' | 'last'> {
  return { types: [{ type, count }], last: at };
}
