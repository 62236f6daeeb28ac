/** Writing status: what we own of it, and only where it differs. */
import type { Resource } from '../client/resource.ts';
import type { Applied, Client, RequestOptions } from '../client/types.ts';
import { isKubeError } from '../errors.ts';
import type { Condition, KubeObject } from './types.ts';

export interface StatusOf {
  readonly conditions?: readonly Condition[];
}

/** Types of conditions that an earlier write of ours may have left. */
const standingTypes = new Set(['Ready', 'Reconciling', 'Stalled']);

/**
 * Applies a status with the client's field manager, unless the object has it already; so a status that says
 * the same again costs no write and wakes nobody. What an earlier call gave and this one leaves out goes.
 * @param object as the cache has it
 * @returns whether it was written; an object that is gone needs no status. One that was made anew under the
 *   name meanwhile gets it (the API looks at no uid here) until its own turn, which its event brings.
 */
export async function applyStatus<T extends KubeObject & { readonly status?: unknown }>(
  client: Client,
  of: Resource<T>,
  object: T,
  status: StatusOf & Readonly<Record<string, unknown>>,
  options: RequestOptions = {},
): Promise<boolean> {
  if (says(object.status, status)) return false;
  const { name, namespace } = object.metadata;
  const metadata = { name, namespace };
  try {
    const applied = { metadata, status } as unknown as Applied<T>;
    await client.apply(of, applied, { ...options, subresource: 'status', force: true });
    return true;
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return false;
    throw error;
  }
}

/** Does `has` say all of `wants`, and nothing more in what is ours? */
function says(has: unknown, wants: StatusOf & Readonly<Record<string, unknown>>): boolean {
  if (!isRecord(has)) return false;
  const { conditions = [], ...rest } = wants;
  const now = (Array.isArray(has.conditions) ? has.conditions : []) as Condition[];
  const ours = now.filter(
    ({ type }) => standingTypes.has(type) || conditions.some((one) => one.type === type),
  );
  const same = (one: Condition) => ours.some((other) => covers(other, one));
  if (ours.length !== conditions.length || !conditions.every(same)) return false;
  const keys = Object.keys(has).filter((key) => key !== 'conditions');
  const wanted = Object.keys(rest).filter((key) => rest[key] !== undefined);
  return keys.length === wanted.length && wanted.every((key) => covers(has[key], rest[key]));
}

/** Equal as JSON; the order of keys is of no account. */
function covers(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, at) => covers(value, other[at]));
  }
  if (!isRecord(one) || !isRecord(other)) return one === other;
  const keys = (value: Record<string, unknown>) =>
    Object.keys(value).filter((key) => value[key] !== undefined);
  const wanted = keys(other);
  return keys(one).length === wanted.length && wanted.every((key) => covers(one[key], other[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
