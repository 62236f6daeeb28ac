/**
 * Rows that wait as sums: one for each row, with all that came since, where the queue would hold each telling. Here
 * stand rows that were told before and happen again while a receiver is behind, and rows for which the queue has no
 * room for a moment.
 */
import type { EgressEvent } from '#api/event.ts';
import type { Part, ToldRow } from '../evidence/told-row.ts';

/** Something was said of the row before, and this says how often it was since then. */
export function isGrowth({ id, added, count }: EgressEvent): boolean {
  return id !== null && added !== null && added < count;
}

export class Summed {
  readonly #most: number;
  /** Of which nothing was said yet. */
  readonly #firsts = new Map<string, ToldRow>();
  readonly #growing = new Map<string, ToldRow>();

  /** @param most rows that there is room for */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#firsts.size + this.#growing.size;
  }

  has({ id }: Pick<EgressEvent, 'id'>): boolean {
    return id !== null && (this.#firsts.has(id) || this.#growing.has(id));
  }

  /** False where there is no room, or nobody knows which row it is. */
  add(event: EgressEvent, parts: readonly Part[] = []): boolean {
    const { id, added, count } = event;
    if (id === null) return false;
    const rows = this.#firsts.has(id) || !isGrowth(event) ? this.#firsts : this.#growing;
    const before = rows.get(id);
    if (before === undefined && this.size >= this.#most) return false;
    rows.set(id, {
      event: { ...event, added: (before?.event.added ?? 0) + (added ?? count) },
      parts: before === undefined ? parts : joined(before.parts, parts),
    });
    return true;
  }

  /**
   * The oldest, at most so many: they are here no more.
   * @param which `firsts`: those of which nothing was said yet, and no others
   */
  take(most: number, which: 'firsts' | 'all' = 'all'): readonly ToldRow[] {
    const taken: ToldRow[] = [];
    for (const rows of which === 'all' ? [this.#firsts, this.#growing] : [this.#firsts]) {
      for (const [id, row] of rows) {
        if (taken.length >= most) return taken;
        rows.delete(id);
        taken.push(row);
      }
    }
    return taken;
  }
}

/** Each row of the kernel once: what came first begins it, what came last ends it. */
function joined(before: readonly Part[], after: readonly Part[]): readonly Part[] {
  const parts = new Map(before.map((part) => [part.row, part]));
  for (const part of after) {
    const { from } = parts.get(part.row) ?? part;
    parts.set(part.row, { ...part, from });
  }
  return [...parts.values()];
}
