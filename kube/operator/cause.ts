/** Why an object needs handling; pure. */
import { isDeepStrictEqual } from 'node:util';
import { hasFinalizer } from '../objects/finalizers.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Cause } from './types.ts';

/** What this process knows of an object's past. */
export interface Past<T extends KubeObject> {
  /** As it was when all handlers were done with it. */
  readonly handled: T;
}

export function causeOf<T extends KubeObject>(
  object: T,
  past: Past<T> | undefined,
  handledGeneration: (object: T) => number | undefined,
  finalizer: string,
): Cause | undefined {
  if (object.metadata.deletionTimestamp !== undefined) {
    return hasFinalizer(object, finalizer) ? 'delete' : undefined;
  }
  if (past !== undefined) return sameVersion(past.handled, object) ? undefined : 'update';
  const handled = handledGeneration(object);
  if (handled === undefined) return 'create';
  return handled === object.metadata.generation ? 'resume' : 'update';
}

/** Does the object ask for the same? By its generation; kinds without one by what they hold. */
export function sameVersion(one: KubeObject, other: KubeObject): boolean {
  if (one.metadata.uid !== other.metadata.uid) return false;
  const { generation } = other.metadata;
  if (generation !== undefined) return one.metadata.generation === generation;
  return isDeepStrictEqual(essence(one), essence(other));
}

/** Is it more than a status that changed? */
export function matters(old: KubeObject | undefined, object: KubeObject | undefined): boolean {
  if (old === undefined || object === undefined) return true;
  const [one, other] = [old.metadata, object.metadata];
  return (
    one.deletionTimestamp !== other.deletionTimestamp ||
    !isDeepStrictEqual(one.labels, other.labels) ||
    !isDeepStrictEqual(one.annotations, other.annotations) ||
    !sameVersion(old, object)
  );
}

export function observedGeneration(object: KubeObject): number | undefined {
  if (!('status' in object)) return undefined;
  const { status } = object;
  if (typeof status !== 'object' || status === null || !('observedGeneration' in status)) {
    return undefined;
  }
  return typeof status.observedGeneration === 'number' ? status.observedGeneration : undefined;
}

function essence(object: KubeObject): Record<string, unknown> {
  const parts = Object.entries(object).filter(([key]) => key !== 'metadata' && key !== 'status');
  return Object.fromEntries(parts);
}
