/** Waiting for something to become so: looked at again and again, until a deadline. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export interface Patience {
  /** 120 unless told: generous, for a machine that many share. */
  readonly seconds?: number;
  /** 250 unless told. */
  readonly everyMs?: number;
  /** Called before each look; what it throws ends the wait. */
  readonly unless?: () => void;
}

/**
 * Gives the first value that is neither undefined nor false. A look that throws counts as "not yet", and
 * what it threw is told when the time is over.
 * @throws TW_CLUSTER_LATE
 */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { seconds = 120, everyMs = 250, unless }: Patience = {},
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let last: unknown;
  do {
    unless?.();
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  } while (performance.now() < end);
  const seen = last instanceof Error ? `Last: ${last.message}` : '';
  throw failure(errors.late, { seconds, what, seen }, last);
}
