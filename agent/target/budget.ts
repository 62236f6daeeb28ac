/**
 * What one target may use at most. A flood meets its own target's budget and nobody else's; a host for
 * jobs of another size may give other numbers.
 */
import { defaultLimits, type ResolverLimits } from '#dns/limits.ts';

export interface Budget {
  /** Evidence rows in the kernel; beyond them verdicts are counted in one number. */
  readonly rows: number;
  /** Queries to the resolver at once; a lookup by glibc is two. */
  readonly queryBurst: number;
  /** Queries a second once the burst is used up. */
  readonly queriesPerSecond: number;
  /** Addresses from DNS held at once. */
  readonly addresses: number;
  /** Bounds of the resolver itself. */
  readonly resolver: ResolverLimits;
}

export const defaultBudget: Budget = {
  rows: 4096,
  queryBurst: 1000,
  queriesPerSecond: 500,
  addresses: 8192,
  resolver: defaultLimits,
};

/** The kernel's account of queries: ns of credit that a query costs, and the most that is kept. */
export function queryCredit(budget: Budget): { query_interval: number; query_burst: bigint } {
  const interval = Math.max(1, Math.round(1e9 / budget.queriesPerSecond));
  return { query_interval: interval, query_burst: BigInt(budget.queryBurst) * BigInt(interval) };
}
