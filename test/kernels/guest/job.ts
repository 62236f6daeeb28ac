/** What a machine is told to do, and what it tells of itself besides the results of tests. */
import type { TestFile } from '../plan.ts';

export interface Job {
  /** Files of node:test below the repository's root, in this order, one process each. */
  readonly files: readonly TestFile[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A single file that still runs after so many seconds has failed. */
  readonly fileLimit: number;
}

/** How a file of tests ended; what came of its tests is in `events`. */
export interface FileEnd {
  readonly file: string;
  readonly events: string;
  readonly status: number | null;
  readonly signal: string | null;
  readonly seconds: number;
}

/** What a kernel has and does, told by guest/facts.ts. */
export interface Facts {
  readonly release: string;
  /** `pure` cgroup v2, or beside v1. */
  readonly cgroups: 'pure' | 'hybrid';
  /** The shape of the packet hook that it took. */
  readonly packet: string;
  /** Optional parts that it refused. */
  readonly missing: readonly string[];
  /** ns of a packet by our hook and by an empty program, both attached to the same cgroup. */
  readonly cost: { readonly ours: number; readonly empty: number; readonly packets: number };
}
