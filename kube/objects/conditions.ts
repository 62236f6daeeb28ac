/** Conditions as kstatus reads them: `Ready`, and `Reconciling` or `Stalled` only while they hold. */
import type { Condition } from './types.ts';

/** Where an object stands, in one word. */
export interface Standing {
  /**
   * - `ready`: done, and true for this generation
   * - `reconciling`: on its way; `Ready` is Unknown
   * - `unready`: done what could be done, but it is not in force; `Ready` is False, tried again
   * - `stalled`: needs a person; `Ready` is False
   */
  readonly state: 'ready' | 'reconciling' | 'unready' | 'stalled';
  /** UpperCamelCase. */
  readonly reason: string;
  readonly message: string;
}

type Claim = Omit<Condition, 'lastTransitionTime'>;

/**
 * The conditions that say so. `lastTransitionTime` moves only where the status of a condition changes;
 * conditions of other types in `previous` are left out, as each manager applies its own.
 * @param now as RFC 3339 in seconds
 */
export function standing(
  previous: readonly Condition[] | undefined,
  generation: number | undefined,
  { state, reason, message }: Standing,
  now: string,
): Condition[] {
  const about = {
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const ready = {
    ready: 'True',
    reconciling: 'Unknown',
    unready: 'False',
    stalled: 'False',
  } as const;
  const claims: Claim[] = [{ type: 'Ready', status: ready[state], ...about }];
  if (state === 'reconciling' || state === 'unready') {
    claims.push({ type: 'Reconciling', status: 'True', ...about });
  }
  if (state === 'stalled') claims.push({ type: 'Stalled', status: 'True', ...about });
  return claims.map((claim) => stamped(previous, claim, now));
}

/** One condition with the time when its status last changed. */
export function stamped(
  previous: readonly Condition[] | undefined,
  claim: Claim,
  now: string,
): Condition {
  const before = previous?.find(({ type }) => type === claim.type);
  const unchanged = before !== undefined && before.status === claim.status;
  return { ...claim, lastTransitionTime: unchanged ? before.lastTransitionTime : now };
}

/** Milliseconds since 1970 as the API writes them in `metav1.Time`. */
export function apiTime(wall: number): string {
  return `${new Date(wall).toISOString().slice(0, 19)}Z`;
}

/** As in `metav1.MicroTime`. */
export function apiMicroTime(wall: number): string {
  return `${new Date(wall).toISOString().slice(0, 23)}000Z`;
}
