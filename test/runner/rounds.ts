/** How many random cases a property is asked. */

/**
 * All of them, or a tenth in the inner loop (`--quick`), where the seed of each run is another one and so the rest
 * comes with time.
 */
export function rounds(count: number): number {
  return process.env.TORWACHT_QUICK === undefined ? count : Math.ceil(count / 10);
}
