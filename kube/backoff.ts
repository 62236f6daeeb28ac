/** How long to wait after so many failures in a row. */
import type { Clock } from './clock.ts';
import { isKubeError } from './errors.ts';

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Doubles from `firstMs`, plus or minus half by chance so that many clients do not come back together. Never
 * sooner than the server asked for.
 * @param failures 1 after the first
 */
export function waitAfter(
  failures: number,
  { firstMs, longestMs }: Backoff,
  clock: Clock,
  error: unknown,
): number {
  const doubled = firstMs * 2 ** Math.min(failures - 1, 30);
  const wait = Math.min(doubled, longestMs) * (0.5 + clock.random());
  const asked = isKubeError(error) ? (error.retryAfterMs ?? 0) : 0;
  // Whoever is sent away together must not return together either.
  return Math.max(wait, asked * (1 + clock.random() / 10));
}
