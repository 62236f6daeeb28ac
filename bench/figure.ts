/**
 * One measured figure, its baseline from the same run, and the target that it must hold. The fields are
 * those of bench/out/latest.json, which is an array of these.
 */
export interface Figure {
  readonly name: string;
  /** Median or another robust figure of what was measured, in `unit`. */
  readonly value: number;
  readonly unit: string;
  /** The same work without us, measured in the same run, in the same unit. */
  readonly baseline: number | null;
  /** value / baseline, or the median of that over the rounds. */
  readonly ratio: number | null;
  /** Half of the range that the middle half of the rounds lies in: of the value, or of a judged ratio. */
  readonly spread: number | null;
  /** `value <= 25` or `ratio <= 1.1`; null for a figure that is only watched. */
  readonly target: string | null;
  readonly holds: boolean;
}

export interface Target {
  readonly of?: 'value' | 'ratio';
  readonly limit: number;
  readonly bound: 'at most' | 'at least';
}

export interface Measured {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: number;
  readonly ratio?: number;
  readonly spread?: number;
  readonly target?: Target;
}

/**
 * Works out ratio and verdict. What is not a finite number never holds.
 *
 * @example figure({ name: 'cached socket', value: 14, unit: 'ns', target: { bound: 'at most', limit: 25 } })
 */
export function figure({ name, value, unit, baseline, target, ...rest }: Measured): Figure {
  const ratio = rest.ratio ?? (baseline === undefined ? null : value / baseline);
  return {
    name,
    value,
    unit,
    baseline: baseline ?? null,
    ratio,
    spread: rest.spread ?? null,
    target: target ? describe(target) : null,
    holds: Number.isFinite(value) && (!target || holds(target, value, ratio)),
  };
}

function describe({ of = 'value', bound, limit }: Target): string {
  return `${of} ${bound === 'at most' ? '<=' : '>='} ${limit}`;
}

function holds(
  { of = 'value', bound, limit }: Target,
  value: number,
  ratio: number | null,
): boolean {
  const judged = of === 'value' ? value : ratio;
  if (judged === null || !Number.isFinite(judged)) return false;
  return bound === 'at most' ? judged <= limit : judged >= limit;
}
