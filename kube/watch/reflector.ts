/** Keeps a sink equal to what the API server has: lists, follows, and begins again where it must. */
import { waitAfter } from '../backoff.ts';
import { eventError } from '../client/api-error.ts';
import type { Resource } from '../client/resource.ts';
import type { Client, Selectors, WatchEvent } from '../client/types.ts';
import { type Clock, sleep } from '../clock.ts';
import { isKubeError, KubeError } from '../errors.ts';
import type { KubeObject } from '../objects/types.ts';
import { isOlder } from '../objects/versions.ts';
import type { Observe } from '../observe.ts';
import { Gathering } from './gathering.ts';
import { listAll } from './list.ts';

export interface Sink<T extends KubeObject> {
  /** What is not among them is gone. */
  replace(objects: Iterable<T>): void;
  put(object: T): void;
  remove(object: T): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly selectors: Selectors;
  readonly keep: (object: T) => T;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly watchSeconds: number;
}

/** As client-go's reflector. */
const backoff = { firstMs: 800, longestMs: 30_000 };
/** A watch that ends sooner is a fault, or we would ask without pause. */
const shortMs = 1000;
/** A watch that held so long was a good one. */
const goodMs = 10_000;
/** What an API server says about a watch, not about the way there or about who asks. */
const refusals = ['KUBE_SERVER', 'KUBE_BROKEN_ANSWER', 'KUBE_BAD_REQUEST', 'KUBE_INVALID'] as const;
/** So often in a row at the same place, and the place is given up: an etcd from a backup is behind it. */
const patience = 3;
const endedAtOnce = 'EndedAtOnce';
/**
 * How servers say that they give no initial list by a watch: 422 without the feature; an event of code 500
 * with it, but with an etcd before 3.4.25 (`RequestWatchProgress is disabled`).
 */
const noStream = ['KUBE_INVALID', 'KUBE_BAD_REQUEST', 'KUBE_SERVER'] as const;

export class Reflector<T extends KubeObject> {
  readonly #client: Client;
  readonly #of: Resource<T>;
  readonly #sink: Sink<T>;
  readonly #options: ReflectorOptions<T>;
  /** Up to where the sink is true; undefined: nowhere. */
  #cursor: string | undefined;
  /** Does the server give the initial list by a watch? Believed until it refuses. */
  #streams = true;
  #failures = 0;
  #refusals = 0;
  #watchedSince = 0;

  constructor(client: Client, of: Resource<T>, sink: Sink<T>, options: ReflectorOptions<T>) {
    this.#client = client;
    this.#of = of;
    this.#sink = sink;
    this.#options = options;
  }

  /** Until the signal is aborted; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#cursor === undefined && !this.#streams) await this.#list(signal);
        await this.#follow(signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    this.#watchedSince = Number.POSITIVE_INFINITY;
    const { selectors, keep } = this.#options;
    const listed = await listAll(this.#client, this.#of, selectors, { signal, keep });
    this.#replaced(listed.objects, listed.objects.length, 'pages', listed.resourceVersion);
  }

  #replaced(objects: Iterable<T>, count: number, by: 'pages' | 'watch', version: string): void {
    this.#sink.replace(objects);
    this.#cursor = version;
    this.#options.observe({ type: 'listed', resource: this.#of.plural, objects: count, by });
  }

  /** One watch, until the server ends it. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, keep } = this.#options;
    this.#watchedSince = clock.monotonic();
    let gathering = this.#cursor === undefined ? new Gathering<T>() : undefined;
    for await (const event of this.#events(signal)) {
      if (signal.aborted) return;
      this.#check(event);
      if (gathering === undefined) this.#take(event);
      else if (gathering.take(event, keep)) {
        this.#replaced(gathering.objects(), gathering.size, 'watch', versionOf(event));
        gathering = undefined;
      }
    }
    // A server that does not know the question answers it as a plain watch.
    if (gathering !== undefined) this.#streams = false;
    if (signal.aborted || this.#watchedFor(shortMs)) return;
    const message = `The watch of ${this.#of.plural} ended at once.`;
    throw new KubeError('KUBE_BROKEN_ANSWER', message, { reason: endedAtOnce });
  }

  #events(signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    const { selectors, clock, watchSeconds } = this.#options;
    const cursor = this.#cursor;
    return this.#client.watch(this.#of, {
      ...selectors,
      ...(cursor === undefined ? { sendInitialEvents: true } : { resourceVersion: cursor }),
      // Not all watches of all clients at the same moment.
      timeoutSeconds: Math.max(1, Math.round(watchSeconds * (0.9 + clock.random() / 10))),
      signal,
    });
  }

  #take(event: WatchEvent<T>): void {
    const { type, object } = event;
    if (type === 'ADDED' || type === 'MODIFIED') this.#sink.put(this.#options.keep(object));
    if (type === 'DELETED') this.#sink.remove(this.#options.keep(object));
    if (!isOlder(versionOf(event), this.#cursor)) this.#cursor = versionOf(event);
    this.#forgive();
    this.#options.observe({ type: 'event', resource: this.#of.plural, change: type });
  }

  /** @throws what an ERROR event says; KUBE_BROKEN_ANSWER for what is no event */
  #check(event: WatchEvent<T>): void {
    if (event.type === 'ERROR') {
      throw eventError({ verb: 'watch', of: this.#of, path: '' }, event.object);
    }
    const known = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'].includes(event.type);
    const metadata: Partial<KubeObject['metadata']> | undefined = event.object?.metadata;
    const named = metadata?.name !== undefined || event.type === 'BOOKMARK';
    if (known && named && metadata?.resourceVersion) return;
    throw new KubeError('KUBE_BROKEN_ANSWER', `The watch of ${this.#of.plural} sent no event.`);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, observe } = this.#options;
    const listing = this.#cursor === undefined && this.#streams;
    if (listing && isKubeError(error, ...noStream)) {
      // Pages are always there; by which list it is makes no difference.
      this.#streams = false;
      observe({ type: 'no-streaming', resource: this.#of.plural, error });
      return;
    }
    if (this.#watchedFor(goodMs)) this.#forgive();
    this.#failures += 1;
    if (isRefusal(error)) this.#refusals += 1;
    if (isKubeError(error, 'KUBE_GONE') || this.#refusals >= patience) {
      if (listing && this.#refusals >= patience) this.#streams = false;
      this.#cursor = undefined;
      this.#refusals = 0;
    }
    const waitMs = waitAfter(this.#failures, backoff, clock, error);
    observe({ type: 'watch-failed', resource: this.#of.plural, error, waitMs });
    await sleep(clock, waitMs, signal);
  }

  #watchedFor(ms: number): boolean {
    return this.#options.clock.monotonic() - this.#watchedSince >= ms;
  }

  #forgive(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }
}

/** Also a 504, `Too large resource version`: an API server that is behind our place. */
function isRefusal(error: unknown): boolean {
  if (!isKubeError(error) || error.reason === endedAtOnce) return false;
  const late = error.code === 'KUBE_TIMEOUT' && error.status !== undefined;
  return late || isKubeError(error, ...refusals);
}

function versionOf({ object }: WatchEvent<KubeObject>): string {
  return object.metadata.resourceVersion ?? '';
}
