/**
 * Attempts of one route by group, and what of them has to be told: a new group, one that goes on after a while, one
 * that is over. Bounded: beyond, attempts are counted and belong to no group.
 */
import type { EgressEvent } from '#api/event.ts';
import { type AlertRow, groupOf, rowOf, together } from './row.ts';

export interface GroupOptions {
  /** ms without an attempt after which a group is over. */
  readonly quiet: number;
  /** ms after which a group that goes on is told again. */
  readonly repeat: number;
  /** Is one told again where nothing was tried meanwhile? For receivers that forget. */
  readonly insist: boolean;
  /** Groups that are kept. */
  readonly most: number;
  /** Rows of one notice. */
  readonly rows: number;
  /** Are rows beyond those told as a number? Else they come with the next notice. */
  readonly fold: boolean;
  link(event: EgressEvent): string | null;
}

/** What is told at once. */
export interface Notice {
  readonly firing: readonly AlertRow[];
  readonly resolved: readonly AlertRow[];
  /** Groups and attempts that are told by their number alone. */
  readonly more: { readonly groups: number; readonly attempts: number };
}

interface Group {
  row: AlertRow;
  /** Monotonic, ms. */
  last: number;
  told: number | null;
  toldCount: number;
}

export class Groups {
  readonly #options: GroupOptions;
  readonly #groups = new Map<string, Group>();
  /** Attempts beyond the bound that nobody was told of. */
  #beyond = 0;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** Others tell of them now. */
  clear(): void {
    this.#groups.clear();
    this.#beyond = 0;
  }

  /** Those of which nobody was told. */
  get untold(): number {
    return [...this.#groups.values()].filter(({ told }) => told === null).length;
  }

  /** False where it was counted alone. */
  add(event: EgressEvent, now: number): boolean {
    const id = groupOf(event);
    const known = this.#groups.get(id);
    if (known === undefined && this.#groups.size >= this.#options.most) {
      this.#beyond += Math.max(0, event.added ?? event.count);
      return false;
    }
    const row = rowOf(event, id, this.#options.link(event));
    if (known === undefined) {
      this.#groups.set(id, { row, last: now, told: null, toldCount: 0 });
    } else {
      known.row = together(known.row, row);
      known.last = now;
    }
    return true;
  }

  /** ms until something has to be told; 0: now. Undefined: nothing will. */
  dueIn(now: number): number | undefined {
    if (this.#beyond > 0) return 0;
    let first: number | undefined;
    for (const group of this.#groups.values()) {
      const at = Math.max(0, this.#dueAt(group) - now);
      if (first === undefined || at < first) first = at;
      if (first === 0) break;
    }
    return first;
  }

  /** Takes what is due; it counts as told. */
  take(now: number): Notice {
    const due = [...this.#groups.values()].filter((group) => this.#dueAt(group) <= now);
    const over = new Set(due.filter((group) => this.#isOver(group, now)));
    const ordered = [...due.filter((group) => !over.has(group)).sort(mostFirst), ...over];
    const listed = ordered.slice(0, this.#options.rows);
    const rest = this.#options.fold ? ordered.slice(listed.length) : [];
    const attempts = rest.reduce((sum, { row, toldCount }) => sum + row.count - toldCount, 0);
    const notice = {
      firing: listed.filter((group) => !over.has(group)).map(({ row }) => row),
      resolved: listed.filter((group) => over.has(group)).map(({ row }) => row),
      more: { groups: rest.length, attempts: attempts + this.#beyond },
    };
    this.#beyond = 0;
    for (const group of [...listed, ...rest]) {
      group.told = now;
      group.toldCount = group.row.count;
      if (over.has(group)) this.#groups.delete(group.row.id);
    }
    return notice;
  }

  /** What nobody was told of is not over. */
  #isOver({ told, last }: Group, now: number): boolean {
    return told !== null && now - last >= this.#options.quiet;
  }

  #dueAt({ row, told, toldCount, last }: Group): number {
    if (told === null) return Number.NEGATIVE_INFINITY;
    const { quiet, repeat, insist } = this.#options;
    const over = last + quiet;
    return insist || row.count > toldCount ? Math.min(over, told + repeat) : over;
  }
}

function mostFirst(one: Group, other: Group): number {
  return Number(one.told !== null) - Number(other.told !== null) || other.row.count - one.row.count;
}
