/**
 * Which nodes hold which generation. Nodes say the digest of the head that they hold; here is remembered in
 * what order the digests of a binding came, and with which of them each document came.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { textOf } from '#policy/bundle/split.ts';

/** Heads of a binding that are remembered; a node that holds an older one holds nothing of what came since. */
const REMEMBERED = 256;

export interface Head {
  readonly digest: string;
  readonly pieces: readonly string[];
  readonly documents: ReadonlyMap<string, TorwachtDocument>;
}

/** Of one binding. */
export class Rollout {
  #digest: string | undefined;
  #latest = 0;
  /** By digest; the oldest first. */
  readonly #heads = new Map<
    string,
    { readonly number: number; readonly pieces: readonly string[] }
  >();
  /** By title: what it says, and with which head it came. */
  readonly #came = new Map<string, { readonly text: string; readonly number: number }>();

  /**
   * The next head.
   *
   * @param settled titles of documents that were in force on all nodes before this process looked
   */
  enter({ digest, pieces, documents }: Head, settled: (title: string) => boolean): void {
    if (digest !== this.#digest) this.#latest += 1;
    this.#digest = digest;
    this.#heads.delete(digest);
    this.#heads.set(digest, { number: this.#latest, pieces });
    for (const title of this.#came.keys()) if (!documents.has(title)) this.#came.delete(title);
    for (const [title, document] of documents) {
      const text = textOf(document);
      const before = this.#came.get(title);
      if (before?.text === text) continue;
      const number = before === undefined && settled(title) ? 0 : this.#latest;
      this.#came.set(title, { text, number });
    }
    for (const oldest of this.#heads.keys()) {
      if (this.#heads.size <= REMEMBERED) break;
      this.#heads.delete(oldest);
    }
  }

  /** Pieces of a head that a node may hold; undefined where nobody remembers it. */
  piecesOf(digest: string): readonly string[] | undefined {
    return this.#heads.get(digest)?.pieces;
  }

  /** Does a node with this head hold the document as it is in the latest? */
  holds(digest: string | undefined, title: string): boolean {
    if (digest === undefined) return false;
    const came = this.#came.get(title);
    return came !== undefined && (this.#heads.get(digest)?.number ?? 0) >= came.number;
  }
}
