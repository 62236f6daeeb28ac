/** Brings the pieces of a head to the disk, each verified before it is written. */
import { failure } from '#api/error.ts';
import type { Client } from '#kube/index.ts';
import { type Bundles, contentsOf } from './bundles.ts';
import { errors } from './errors.ts';
import { contentOf, type SeenHead } from './piece-content.ts';
import type { BundleStore } from './store.ts';

/** At a time, of one head. */
const CONCURRENCY = 4;
/** Bytes of all pieces of a node: some 100,000 policies. */
export const maxBytes = 128 * 1024 * 1024;

export interface PieceParts {
  readonly client: Client;
  readonly store: BundleStore;
  readonly bundles: Bundles;
  /** Bytes of all pieces together; `maxBytes` unless told. */
  readonly limit?: number;
}

export class Pieces {
  readonly #parts: PieceParts;
  readonly #limit: number;
  /** Those that are on their way: heads share pieces. */
  readonly #coming = new Map<string, Promise<void>>();

  constructor(parts: PieceParts) {
    this.#parts = parts;
    this.#limit = parts.limit ?? maxBytes;
  }

  /**
   * All pieces of the head are on the disk when it resolves: those that it brings along, and the others from
   * the API server.
   *
   * @throws TW_BUNDLE_MISSING, TW_BUNDLE_DIGEST, TW_BUNDLE_CONTENT, TW_AGENT_* (rejects)
   */
  async bring(head: SeenHead, signal: AbortSignal): Promise<void> {
    const missing = head.pieces.filter((digest) => !this.#parts.bundles.has(digest)).values();
    const worker = async (): Promise<void> => {
      for (const digest of missing) await this.#one(digest, head, signal);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }

  #one(digest: string, head: SeenHead, signal: AbortSignal): Promise<void> {
    const coming = this.#coming.get(digest);
    if (coming !== undefined) return coming;
    const work = this.#fetch(digest, head, signal).finally(() => this.#coming.delete(digest));
    this.#coming.set(digest, work);
    return work;
  }

  async #fetch(digest: string, head: SeenHead, signal: AbortSignal): Promise<void> {
    const { client, store, bundles } = this.#parts;
    const content = await contentOf(client, digest, head, signal);
    const contents = contentsOf(digest, content);
    const size = bundles.bytes + contents.bytes;
    if (size > this.#limit) throw failure(errors.tooLarge, { size, limit: this.#limit });
    await store.writePiece(digest, content);
    bundles.add(digest, contents);
  }
}
