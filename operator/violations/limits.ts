/** How many Violations there may be, how old they get, and how often they are written. */
export interface ViolationLimits {
  /** Objects of one namespace, the one that the rest is folded into not counted. */
  readonly perNamespace: number;
  /** Of those, of one job: what one job does must not hide what others do. */
  readonly perJob: number;
  /** Objects of all namespaces. */
  readonly total: number;
  /** ms after it was seen last. */
  readonly keep: number;
  /** ms between two writes of one object. */
  readonly rewrite: number;
  /** Of all objects. */
  readonly writesPerSecond: number;
  /** Writes that may come at once after a time without. */
  readonly burst: number;
}

export const defaultLimits: ViolationLimits = {
  perNamespace: 500,
  perJob: 100,
  total: 20_000,
  keep: 30 * 24 * 3600_000,
  rewrite: 2000,
  writesPerSecond: 50,
  burst: 200,
};
