/** Writes Violations: each not too often, all of them not too fast, and none over what somebody else has written. */
import {
  type Cache,
  type Client,
  type Clock,
  isKubeError,
  type Key,
  type KubeObject,
  placeOf,
} from '#kube/index.ts';
import { Rate } from '../rate.ts';
import { isTerminating } from '../reconcile/terminating.ts';
import { violations } from '../resources.ts';
import type { Book } from './book.ts';
import type { Entry, StoredRow } from './entry.ts';
import type { ViolationLimits } from './limits.ts';

export interface WriterParts {
  readonly clock: Clock;
  readonly limits: ViolationLimits;
  readonly namespaces: Pick<Cache<KubeObject>, 'get'>;
  /** It can never be written. */
  dropped(key: Key, error: unknown): void;
}

interface Reign {
  readonly book: Book;
  readonly client: Client;
  readonly signal: AbortSignal;
}

export class Writer {
  readonly #parts: WriterParts;
  readonly #rate: Rate;
  /** When objects were written last, on the monotonic clock; the oldest first. */
  readonly #wrote = new Map<Key, number>();

  constructor(parts: WriterParts) {
    const { writesPerSecond, burst } = parts.limits;
    this.#parts = parts;
    this.#rate = new Rate({ perSecond: writesPerSecond, burst });
  }

  /** @returns ms until it may be written; undefined where it is */
  async write(key: Key, entry: Entry, reign: Reign): Promise<number | undefined> {
    const wait = entry.isWritten ? undefined : this.#wait(key, entry);
    if (wait !== undefined && wait > 0) return wait;
    const news = entry.news(reign.book.isHeard);
    if (news === undefined) return undefined;
    try {
      const stored = await this.#put(key, entry, news.spec, reign);
      this.#note(key);
      entry.wrote(news.rows, stored);
      reign.book.seen(key);
      return undefined;
    } catch (error) {
      return await this.#failed(key, entry, error, reign);
    }
  }

  #wait(key: Key, entry: Entry): number {
    const { clock, limits } = this.#parts;
    const now = clock.monotonic();
    const left = (this.#wrote.get(key) ?? Number.NEGATIVE_INFINITY) + limits.rewrite - now;
    if (left > 0) return left;
    entry.turn ??= this.#rate.reserve(now);
    return entry.turn - now;
  }

  #put(key: Key, { stored }: Entry, spec: StoredRow['spec'], { client, signal }: Reign) {
    if (stored === undefined) {
      const labels = { 'app.kubernetes.io/part-of': 'torwacht', ...projectLabel(spec) };
      const metadata = { ...placeOf(key), labels } as unknown as StoredRow['metadata'];
      return client.create(violations, { metadata, spec } as StoredRow, { signal });
    }
    // With its resourceVersion: only over what this was added to.
    return client.update(violations, { ...stored, spec }, { signal });
  }

  async #failed(key: Key, entry: Entry, error: unknown, reign: Reign): Promise<number | undefined> {
    if (isHopeless(error) || this.#isGone(key)) {
      this.#parts.dropped(key, error);
      return undefined;
    }
    if (!isKubeError(error, 'KUBE_CONFLICT', 'KUBE_ALREADY_EXISTS', 'KUBE_NOT_FOUND')) throw error;
    entry.rebase(await read(key, reign));
    return 0;
  }

  /** The namespace. */
  #isGone(key: Key): boolean {
    return this.#parts.namespaces.get(placeOf(key).namespace ?? '') === undefined;
  }

  #note(key: Key): void {
    const { clock, limits } = this.#parts;
    const now = clock.monotonic();
    this.#wrote.delete(key);
    this.#wrote.set(key, now);
    for (const [one, at] of this.#wrote) {
      if (now - at < limits.rewrite) break;
      this.#wrote.delete(one);
    }
  }
}

/** So that one project's can be selected: `-l torwacht.io/project=4711`. */
function projectLabel({ project }: StoredRow['spec']): Readonly<Record<string, string>> {
  return project !== undefined && /^\d{1,20}$/.test(project)
    ? { 'torwacht.io/project': project }
    : {};
}

/** The server does not want it, today or tomorrow: a fault of ours, or a namespace that is being deleted. */
function isHopeless(error: unknown): boolean {
  if (isKubeError(error, 'KUBE_INVALID', 'KUBE_BAD_REQUEST')) return true;
  return isTerminating(error);
}

async function read(key: Key, { client, signal }: Reign): Promise<StoredRow | undefined> {
  try {
    return await client.get(violations, placeOf(key), { signal });
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
    throw error;
  }
}
