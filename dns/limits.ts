/**
 * Bounds on what one target can make us hold or do. Each target has a resolver of its own, so a flood
 * meets its own bounds and nobody else's; the kernel's query budget stands before all of these.
 */

export interface ResolverLimits {
  /** Answers kept, positive and negative. */
  readonly cacheEntries: number;
  /** Queries that wait for an upstream server at once; the next one gets SERVFAIL. */
  readonly pending: number;
  /**
   * Different names looked up over the target's whole life. Below an allowed wildcard every new name can
   * carry data out in its labels, and this is what bounds how much.
   */
  readonly names: number;
}

export const defaultLimits: ResolverLimits = { cacheEntries: 1024, pending: 256, names: 4096 };
