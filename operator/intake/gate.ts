/** How much the operator takes at a time: of one node, of one address, and of all together. */
import type { Clock } from '#kube/index.ts';
import { Rate } from '../rate.ts';
import { RecentMap } from '../recent-map.ts';

export interface IntakeLimits {
  /** Batches that are on their way in: each is held in memory until it is kept. */
  readonly batches: number;
  /** Of one node: a pod of the agent and the one that takes over from it. */
  readonly batchesOfNode: number;
  readonly rowsPerSecondOfNode: number;
  readonly burstOfNode: number;
  /** Tokens of one address that the API server is asked about. */
  readonly reviewsPerSecondOfAddress: number;
  readonly reviewsAtOnce: number;
}

export const defaultIntakeLimits: IntakeLimits = {
  batches: 32,
  batchesOfNode: 2,
  rowsPerSecondOfNode: 1000,
  burstOfNode: 20_000,
  reviewsPerSecondOfAddress: 2,
  reviewsAtOnce: 32,
};

/** Nodes and addresses that are remembered, the last ones. */
const REMEMBERED = 8192;

export class Gate {
  readonly #limits: IntakeLimits;
  readonly #clock: Clock;
  readonly #rows: Rates;
  readonly #reviews: Rates;
  readonly #ofNodes = new Map<string, number>();
  #inside = 0;
  #reviewing = 0;

  constructor(limits: IntakeLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#rows = new Rates({ perSecond: limits.rowsPerSecondOfNode, burst: limits.burstOfNode });
    this.#reviews = new Rates({ perSecond: limits.reviewsPerSecondOfAddress, burst: 20 });
  }

  /** Batches that are on their way in. */
  get inside(): number {
    return this.#inside;
  }

  /** Lets a batch of a node in; undefined where there are too many. What it gives lets it out, once. */
  enter(node: string): (() => void) | undefined {
    const { batches, batchesOfNode } = this.#limits;
    const own = this.#ofNodes.get(node) ?? 0;
    if (this.#inside >= batches || own >= batchesOfNode) return undefined;
    this.#change(node, 1);
    let isIn = true;
    return () => {
      if (isIn) this.#change(node, -1);
      isIn = false;
    };
  }

  mayBring(node: string, rows: number): boolean {
    return this.#rows.of(node).take(this.#clock.monotonic(), rows);
  }

  /** Asks for a caller at this address; undefined where that was too often. */
  reviewing<T>(address: string, ask: () => Promise<T>): Promise<T> | undefined {
    if (this.#reviewing >= this.#limits.reviewsAtOnce) return undefined;
    if (!this.#reviews.of(address).take(this.#clock.monotonic())) return undefined;
    this.#reviewing++;
    return ask().finally(() => this.#reviewing--);
  }

  #change(node: string, by: number): void {
    this.#inside += by;
    const own = (this.#ofNodes.get(node) ?? 0) + by;
    if (own > 0) this.#ofNodes.set(node, own);
    else this.#ofNodes.delete(node);
  }
}

class Rates {
  readonly #rate: ConstructorParameters<typeof Rate>[0];
  readonly #of = new RecentMap<string, Rate>(REMEMBERED);

  constructor(rate: ConstructorParameters<typeof Rate>[0]) {
    this.#rate = rate;
  }

  of(key: string): Rate {
    const rate = this.#of.get(key) ?? new Rate(this.#rate);
    this.#of.set(key, rate);
    return rate;
  }
}
