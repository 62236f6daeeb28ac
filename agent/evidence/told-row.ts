/** A row as outputs are told of it: its event, and which counts of the kernel stand behind what it adds. */
import type { EgressEvent } from '#api/event.ts';

/** Of one row of the kernel, or of what is written down of a lookup: attempts `from + 1` to `to` of its count. */
export interface Part {
  /** The kernel's own key, or `toldLookupKey`, in latin1. */
  readonly row: string;
  readonly from: number;
  readonly to: number;
}

/** What outputs have of rows, over the end of any process. */
export interface Told {
  /** How much of a row's count every output has been told. */
  of(row: Buffer): number;
  /** Every output has so much of it where no end of this process takes it away. */
  isKept(row: Buffer, count: number): boolean;
  /** Rows of this target are no more: nothing is written down of them from now on. */
  giveUp(target: number): void;
}

export interface ToldRow {
  readonly event: EgressEvent;
  /** What they span is what the event adds. None: nothing that outlives this process stands behind it. */
  readonly parts: readonly Part[];
}
