/** Brings the pieces of a head from the API server to the disk, each verified before it is written. */
import { failure } from '#api/error.ts';
import { type Client, isKubeError } from '#kube/index.ts';
import { errors as bundleErrors } from '#policy/bundle/errors.ts';
import { type Bundles, contentsOf } from './bundles.ts';
import { errors } from './errors.ts';
import { policyBundles } from './resources.ts';
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
   * All of these are on the disk when it resolves.
   *
   * @throws TW_BUNDLE_MISSING, TW_BUNDLE_DIGEST, TW_BUNDLE_CONTENT, TW_AGENT_* (rejects)
   */
  async bring(digests: readonly string[], signal: AbortSignal): Promise<void> {
    const missing = digests.filter((digest) => !this.#parts.bundles.has(digest)).values();
    const worker = async (): Promise<void> => {
      for (const digest of missing) await this.#one(digest, signal);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }

  #one(digest: string, signal: AbortSignal): Promise<void> {
    const coming = this.#coming.get(digest);
    if (coming !== undefined) return coming;
    const work = this.#fetch(digest, signal).finally(() => this.#coming.delete(digest));
    this.#coming.set(digest, work);
    return work;
  }

  async #fetch(digest: string, signal: AbortSignal): Promise<void> {
    const { store, bundles } = this.#parts;
    const content = await this.#get(digest, signal);
    const contents = contentsOf(digest, content);
    const size = bundles.bytes + contents.bytes;
    if (size > this.#limit) throw failure(errors.tooLarge, { size, limit: this.#limit });
    await store.writePiece(digest, content);
    bundles.add(digest, contents);
  }

  async #get(name: string, signal: AbortSignal): Promise<string> {
    try {
      const { spec } = await this.#parts.client.get(policyBundles, { name }, { signal });
      if (spec.piece !== undefined) return spec.piece.content;
    } catch (cause) {
      if (!isKubeError(cause, 'KUBE_NOT_FOUND')) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw failure(errors.pieceUnread, { name, why }, cause);
      }
    }
    throw failure(bundleErrors.missing, { name });
  }
}
