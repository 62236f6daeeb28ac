/** Where the history is kept: one interface, whatever the database. */
import type { Flow, RunKey } from './flow.ts';

/** Flows of one run that came at once. */
export interface RunFlows {
  readonly run: RunKey;
  readonly flows: readonly Flow[];
}

/** What is written at once: all of it, or nothing. */
export interface Chunk {
  readonly runs: readonly RunFlows[];
  /** The last number of each source that is in here. */
  readonly sources: ReadonlyMap<string, number>;
}

export interface StoredRun extends RunKey {
  /** ms since 1970. */
  readonly first: number;
  readonly last: number;
  /** Attempts for which a run had no room. */
  readonly beyond: number;
  readonly flows: readonly Flow[];
}

export interface JobSummary {
  readonly project: string;
  readonly job: string;
  readonly runs: number;
  readonly last: number;
}

export interface Bounds {
  /** Flows of all runs together. */
  readonly rows: number;
  /** ms for which a run is kept. */
  readonly age: number;
}

export interface HistoryStore {
  /** The numbers of these sources that are kept already; those that are not known are left out. */
  taken(sources: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** @param now wall time, ms */
  add(chunk: Chunk, now: number): Promise<void>;
  /** The last runs of a job, or of all jobs of a project; the latest first. */
  runs(query: RunQuery): Promise<readonly StoredRun[]>;
  /** By project and job. */
  jobs(limit: number): Promise<readonly JobSummary[]>;
  /** Removes whole runs, the oldest first, and sources that are long silent. Gives the number of flows removed. */
  prune(bounds: Bounds, now: number): Promise<number>;
  /** Flows that are kept. */
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface RunQuery {
  readonly project: string;
  readonly job?: string | undefined;
  readonly limit: number;
}

/** Flows of one run: beyond, attempts are counted. */
export const FLOWS_OF_A_RUN = 2000;
