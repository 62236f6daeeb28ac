/**
 * Values that many objects hold alike, kept once. A thousand nodes are told the same, and say the same: each
 * list as an object of its own would be most of the operator's memory.
 */
import { sha256 } from '#policy/bundle/content.ts';
import { RecentMap } from './recent-map.ts';

/** Values that are remembered: of older ones whoever has them keeps his own. */
const REMEMBERED = 256;

export class Shared {
  readonly #known = new RecentMap<string, unknown>(REMEMBERED);

  /** The value itself, or an equal one from before. Neither may be changed. */
  one<T>(value: T): T {
    const key = sha256(JSON.stringify(value) ?? '');
    const known = this.#known.get(key) ?? value;
    this.#known.set(key, known);
    return known as T;
  }
}
