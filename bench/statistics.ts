/**
 * Figures out of repeated measurements. The machine is shared with others, so single values are worth
 * little: whatever is compared is measured in turns, close together in time, and only differences or
 * ratios within one round count. Their median stands; a disturbed round moves it little.
 */

/** The value below which that share of the values lies, between two of them in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) return Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Half of the range that the middle half of the values lies in. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2;
}

export interface Compared {
  readonly value: number;
  readonly baseline: number;
  readonly spread: number;
}

/** What `values` have on top of `baselines`, round by round. */
export function added(values: readonly number[], baselines: readonly number[]): Compared {
  const differences = pairs(values, baselines).map(([value, baseline]) => value - baseline);
  return {
    value: median(differences),
    baseline: median(baselines),
    spread: spread(differences),
  };
}

/** How many times `baselines` the `values` are, round by round; `spread` is the ratio's. */
export function times(
  values: readonly number[],
  baselines: readonly number[],
): Compared & { readonly ratio: number } {
  const ratios = pairs(values, baselines).map(([value, baseline]) => value / baseline);
  return {
    value: median(values),
    baseline: median(baselines),
    ratio: median(ratios),
    spread: spread(ratios),
  };
}

function pairs(values: readonly number[], baselines: readonly number[]): [number, number][] {
  if (values.length !== baselines.length) throw new RangeError('not measured in the same rounds');
  return values.map((value, round) => [value, baselines[round] as number]);
}

/**
 * In which order a round takes its lanes: forward, then backward (so that a machine that gets slower
 * and slower favours nobody), and every two rounds another lane begins.
 */
export function orderOf(round: number, lanes: number): number[] {
  const first = Math.floor(round / 2) % lanes;
  const order = Array.from({ length: lanes }, (_, i) => (first + i) % lanes);
  return round % 2 === 0 ? order : order.reverse();
}

/**
 * Measures all lanes in every round, one after the other. Rounds that warm up (caches, neighbours, the
 * processor's clock) are made and not kept.
 * @returns by lane, its value in each round
 */
export async function interleave(
  lanes: readonly (() => number | Promise<number>)[],
  rounds: number,
  warmUp = 2,
): Promise<number[][]> {
  const values: number[][] = lanes.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const lane of orderOf(round + warmUp, lanes.length)) {
      const value = await (lanes[lane] as () => number | Promise<number>)();
      if (round >= 0) values[lane]?.push(value);
    }
  }
  return values;
}
