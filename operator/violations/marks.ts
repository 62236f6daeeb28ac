/**
 * Up to which row of which source a count goes. It stands in the object beside the count, so that both are written or
 * neither: a replica that leads after another one counts nothing twice that comes again.
 */
import { maxMerged } from '#api/violation.ts';

export class Marks {
  readonly #last: Map<string, number>;

  /** As `encode` gave it; what is none of ours is left out. */
  constructor(encoded: readonly string[] = []) {
    this.#last = new Map(
      encoded.flatMap((text) => {
        const [, mark = '', seq = ''] = /^([0-9a-f]{12}):(\d{1,16})$/.exec(text) ?? [];
        return mark === '' ? [] : [[mark, Number(seq)] as const];
      }),
    );
  }

  /** False where the row is counted already. */
  take(mark: string, seq: number): boolean {
    if (seq <= (this.#last.get(mark) ?? 0)) return false;
    // The most recent stand last.
    this.#last.delete(mark);
    this.#last.set(mark, seq);
    return true;
  }

  /** @param isSettled will nothing up to this row come again? */
  encode(isSettled: (mark: string, seq: number) => boolean): string[] {
    for (const [mark, seq] of this.#last) if (isSettled(mark, seq)) this.#last.delete(mark);
    const all = [...this.#last].slice(-maxMerged);
    return all.map(([mark, seq]) => `${mark}:${seq}`);
  }
}
