/** Where rows of the agent go: any number of outputs at once, each for itself. */
import type { EgressEvent } from '#api/event.ts';
import type { Answer } from '#delivery/answer.ts';
import type { Part } from '../evidence/told-row.ts';

export interface Output {
  readonly name: string;
  /** Rows that were taken and are not delivered yet. */
  readonly waiting: number;
  /**
   * Takes a row or drops and counts it, at once: nobody waits for an output. `parts`: the kernel's rows behind it,
   * whose counts are written down as told once no end of this process can take them away.
   */
  send(event: EgressEvent, parts?: readonly Part[]): void;
  /** Delivers or keeps what it can until `signal` is aborted. */
  end(signal: AbortSignal): Promise<void>;
}

/**
 * Why rows were dropped. `full`: no room was left for them. `refused`: the receiver does not want them. `unreadable`:
 * what was kept on disk is broken. `ended`: the agent ended, and they could not be kept.
 */
export const dropReasons = ['full', 'refused', 'unreadable', 'ended'] as const;
export type DropReason = (typeof dropReasons)[number];

/** What an output counts. */
export interface Tally {
  sent(rows: number): void;
  /** A try to deliver that has failed and is made again. */
  retried(): void;
  /** @param attempts that they stood for beyond what was told of them before; unknown where rows cannot be read */
  dropped(rows: number, reason: DropReason, attempts?: number): void;
}

/** How often all of them happened, beyond what was said of each before. */
export function attemptsOf(events: Iterable<EgressEvent>): number {
  let sum = 0;
  for (const { added, count } of events) sum += Math.max(0, added ?? count);
  return sum;
}

/** A row with its number. An instance numbers all that it is sent from 1, so a gap is what was dropped. */
export interface Numbered {
  readonly seq: number;
  readonly event: EgressEvent;
}

/** One that waits in memory, with the kernel's rows behind it. */
export interface Queued extends Numbered {
  readonly parts: readonly Part[];
}

/** Rows of one instance of an output: one life of an agent's process. */
export interface Batch {
  readonly instance: string;
  readonly events: readonly Numbered[];
}

export interface Receiver {
  /** Rejects where it cannot be reached. */
  deliver(batch: Batch, signal: AbortSignal): Promise<Answer>;
  close(): void;
}
