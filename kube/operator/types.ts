/** How an operator is written: what happens when. */
import type { Cache, CacheOptions } from '../cache/types.ts';
import type { Client } from '../client/types.ts';
import type { EventRecorder } from '../events/types.ts';
import type { Key, KubeObject } from '../objects/types.ts';

/**
 * Why a handler runs.
 * - `create`: its `handledGeneration` says that nobody has handled the object yet
 * - `update`: its generation (for kinds without one: all but metadata and status) is not the handled one
 * - `resume`: handled already, seen for the first time by this process
 * - `delete`: it has a deletionTimestamp; our finalizer keeps it until all `delete` handlers are done
 */
export type Cause = 'create' | 'update' | 'resume' | 'delete';

export interface HandlerContext<T extends KubeObject> {
  readonly key: Key;
  readonly object: T;
  /** The object as it was when it was last handled by this process. */
  readonly old: T | undefined;
  readonly cause: Cause;
  /** From 0; counts the attempts for this cause. */
  readonly attempt: number;
  /** Aborted when leadership ends, the operator stops or the handler's time is over. */
  readonly signal: AbortSignal;
  /** Writes only while this process leads. */
  readonly client: Client;
  readonly events: EventRecorder;
}

export interface HandlerOptions<T extends KubeObject> {
  /** Shown in metrics and errors; the function's name unless told. */
  readonly id?: string;
  /** Attempts after the first; without end unless told. */
  readonly retries?: number;
  /** 60,000 unless told. */
  readonly timeoutMs?: number;
  /** Skips the handler where false: `fieldChanged('spec.mode')`. */
  readonly when?: (context: HandlerContext<T>) => boolean;
}

export type Handler<T extends KubeObject> = (context: HandlerContext<T>) => Promise<void> | void;

export interface ReconcileContext<T extends KubeObject> {
  readonly key: Key;
  /** Undefined when it is gone. */
  readonly object: T | undefined;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly client: Client;
  readonly events: EventRecorder;
}

export interface ReconcileResult {
  /** Call again then, if nothing wakes it sooner. */
  readonly requeueAfterMs?: number;
}

export type Reconcile<T extends KubeObject> = (
  context: ReconcileContext<T>,
) => Promise<ReconcileResult | undefined> | Promise<void> | ReconcileResult | undefined | void;

export interface TimerOptions<T extends KubeObject> {
  readonly id?: string;
  readonly everyMs: number;
  readonly timeoutMs?: number;
  readonly when?: (object: T) => boolean;
}

export interface KindOptions<T extends KubeObject> extends CacheOptions<T> {
  /** Keys that are worked on at the same time; 4 unless told. */
  readonly concurrency?: number;
  /** `status.observedGeneration` unless told. Undefined: nobody has handled it. */
  readonly handledGeneration?: (object: T) => number | undefined;
}

/** One kind of objects, one queue: each key is worked on by one handler at a time. */
export interface Kind<T extends KubeObject> {
  readonly cache: Cache<T>;
  /** Handlers of a cause run in the order of registration; those that were done are not repeated by retries. */
  on(causes: Cause | readonly Cause[], handler: Handler<T>, options?: HandlerOptions<T>): this;
  timer(options: TimerOptions<T>, handler: Handler<T>): this;
  /** Called after the handlers, whatever woke the key: a change of it, of something it depends on, or a requeue. */
  reconcile(handler: Reconcile<T>, options?: Pick<HandlerOptions<T>, 'id' | 'timeoutMs'>): this;
  /** A change in another cache wakes these keys; asked for the old and for the new object. */
  dependsOn<U extends KubeObject>(other: Cache<U>, keys: (object: U) => Iterable<Key>): this;
  /** Wakes a key from outside. */
  wake(key: Key): void;
}
