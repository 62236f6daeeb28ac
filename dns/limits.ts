/**
 * Bounds on what one target can make us hold or do. Each target has a resolver of its own, so a flood
 * meets its own bounds and nobody else's; the kernel's query budget stands before all of these.
 */

export interface ResolverLimits {
  /** Answers kept, positive and negative. */
  readonly cacheEntries: number;
  /** Names that upstream servers are asked for at once; a query for one more gets SERVFAIL. */
  readonly pending: number;
  /**
   * Queries that wait for those at once; one more gets SERVFAIL. Room for what piles up in a socket while nobody
   * reads it: such queries are many, and their names few.
   */
  readonly waiting: number;
  /**
   * Different names looked up over the target's whole life. Below an allowed wildcard every new name can
   * carry data out in its labels, and this is what bounds how much.
   */
  readonly names: number;
}

export const defaultLimits: ResolverLimits = {
  cacheEntries: 1024,
  pending: 256,
  waiting: 2048,
  names: 4096,
};
