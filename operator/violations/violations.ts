/**
 * Rows of evidence as Violations: one object for what one process of one job tried, however often it did. Objects are
 * bounded and expire; a row is kept when the object that counts it is written.
 */
import {
  type Cache,
  type Clock,
  type Key,
  type Kind,
  KubeError,
  type KubeObject,
  type Led,
  type ReconcileContext,
  type ReconcileResult,
} from '#kube/index.ts';
import type { EventBatch, EventSink, NumberedEvent } from '../intake/sink.ts';
import { deleteExactly } from '../reconcile/delete.ts';
import { violations } from '../resources.ts';
import { Book } from './book.ts';
import type { StoredRow } from './entry.ts';
import { FOLDED, jobOfSpec, markOf } from './identity.ts';
import type { ViolationLimits } from './limits.ts';
import { addedBy } from './merge.ts';
import { Room } from './room.ts';
import { Writer } from './writer.ts';

/** What became of attempts. */
export const fates = ['counted', 'folded', 'dropped'] as const;
export type Fate = (typeof fates)[number];

export interface ViolationParts {
  readonly kind: Kind<StoredRow>;
  readonly namespaces: Pick<Cache<KubeObject>, 'get'>;
  readonly clock: Clock;
  readonly limits: ViolationLimits;
  /** `attempts`: how often they happened, not how many rows that were. */
  readonly counted?: (attempts: number, fate: Fate) => void;
  /** Rows were dropped. */
  readonly fault?: (error: unknown) => void;
}

/** Timers of Node.js hold no more than 24 days. */
const LONGEST_WAIT = 24 * 3600_000;

type Context = Pick<ReconcileContext<StoredRow>, 'key' | 'object' | 'client' | 'signal'>;

export class Violations implements EventSink {
  readonly name = 'violations';
  readonly #parts: ViolationParts;
  readonly #room: Room;
  readonly #writer: Writer;
  #book: Book | undefined;

  constructor(parts: ViolationParts) {
    const { kind } = parts;
    this.#parts = parts;
    this.#room = new Room(parts.limits);
    this.#writer = new Writer({
      ...parts,
      dropped: (key, error) => {
        parts.counted?.(this.#book?.get(key)?.attempts ?? 0, 'dropped');
        this.#book?.drop(key);
        parts.fault?.(error);
      },
    });
    kind.cache.subscribe(({ key, object, old }) => {
      this.#settle(key, object);
      this.#book?.seen(key, object ?? old);
    });
    kind.reconcile((context) => this.reconcile(context), { id: 'violation' });
  }

  /** Objects that there are. */
  get size(): number {
    return this.#parts.kind.cache.size;
  }

  /** Objects with rows that are not written yet. */
  get unwritten(): number {
    return this.#book?.unwritten ?? 0;
  }

  /** From now on this replica writes. */
  begin({ signal }: Pick<Led, 'signal'>): void {
    const { cache } = this.#parts.kind;
    const book = new Book((key) => cache.get(key), this.#room);
    this.#book = book;
    signal.addEventListener('abort', () => {
      if (this.#book === book) this.#book = undefined;
      book.close(notLeading());
    });
  }

  async take(batch: EventBatch, signal: AbortSignal): Promise<void> {
    const book = this.#book;
    if (book === undefined) throw notLeading();
    const mark = markOf(batch.source);
    book.hear(mark, batch.events[0]?.seq ?? 1);
    const keys = new Set<Key>();
    for (const numbered of batch.events) {
      const key = this.#add(book, numbered, { node: batch.node, mark });
      if (key !== undefined) keys.add(key);
    }
    for (const key of keys) this.#parts.kind.wake(key);
    await unlessAborted(Promise.all([...keys].map((key) => book.kept(key))), signal);
  }

  /** The object that counts it; undefined where none does. */
  #add(
    book: Book,
    numbered: NumberedEvent,
    from: { readonly node: string; readonly mark: string },
  ): Key | undefined {
    const { event } = numbered;
    if (event.action === 'allow') return undefined;
    const { namespaces, clock, counted, fault } = this.#parts;
    const { namespace } = event;
    if (namespace === null || namespaces.get(namespace) === undefined) {
      counted?.(addedBy(event), 'dropped');
      fault?.(new Error(`${from.node} tells of a namespace that is not there`));
      return undefined;
    }
    const { key, isNew } = book.add(namespace, numbered, { ...from, now: clock.wall() });
    if (isNew) counted?.(addedBy(event), key === `${namespace}/${FOLDED}` ? 'folded' : 'counted');
    return key;
  }

  /** What is written of an object, or when it is old enough to go. */
  async reconcile({ key, object, client, signal }: Context): Promise<ReconcileResult | undefined> {
    const book = this.#book;
    const entry = book?.get(key);
    if (book !== undefined && entry !== undefined) {
      const wait = await this.#writer.write(key, entry, { book, client, signal });
      return wait === undefined ? undefined : { requeueAfterMs: wait };
    }
    if (object === undefined) return undefined;
    const { limits, clock } = this.#parts;
    const left = Date.parse(object.spec.lastSeen) + limits.keep - clock.wall();
    if (left > 0) return { requeueAfterMs: Math.min(left, LONGEST_WAIT) };
    await deleteExactly(client, violations, object);
    return undefined;
  }

  #settle(key: Key, object: StoredRow | undefined): void {
    if (object === undefined) {
      if (this.#book?.get(key) === undefined) this.#room.delete(key);
      return;
    }
    const { namespace = '', name } = object.metadata;
    if (name !== FOLDED) this.#room.add(key, { namespace, job: jobOfSpec(object.spec) });
  }
}

function notLeading(): KubeError {
  return new KubeError('KUBE_NOT_LEADER', 'This replica does not lead.');
}

/** @throws the signal's reason */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<never>();
  const abort = () => over.reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
