/** Who of several replicas acts. */
import type { Fence } from '../client/types.ts';

export interface LeaseSettings {
  readonly namespace: string;
  readonly name: string;
  /** Unique among replicas, and new after each start: the pod's name and a random part. */
  readonly identity: string;
  /** How long others wait after the last renewal that they saw; 15,000 unless told. */
  readonly leaseMs?: number;
  /** How long after the last renewal was sent this process may write; 10,000 unless told, less than `leaseMs`. */
  readonly renewMs?: number;
  /** Between two tries; 2,000 unless told. */
  readonly retryMs?: number;
}

/** One reign, from winning the Lease until it is given back or lost. */
export interface Term extends Fence {
  /** `leaseTransitions` of the Lease: grows with every term, whoever's. */
  readonly number: number;
}
