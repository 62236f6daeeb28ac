/** What the kernel remembers of processes. A record that has not changed since it was read is the same object again. */
import { processRecord } from './layout.ts';
import type { ProcessRecord } from './records.ts';

/** Whoever asks much is one of few. */
const MOST = 256;

export class ProcessTable {
  readonly #lookup: (pid: number, value: Buffer) => boolean;
  readonly #value = Buffer.alloc(processRecord.size);
  readonly #known = new Map<number, { readonly raw: Buffer; readonly record: ProcessRecord }>();

  /** @param lookup writes the kernel's record of a pid into `value`; false where there is none */
  constructor(lookup: (pid: number, value: Buffer) => boolean) {
    this.#lookup = lookup;
  }

  /** @param start tells processes apart that had one pid after the other */
  of(pid: number, start: bigint): ProcessRecord | undefined {
    if (!this.#lookup(pid, this.#value)) return undefined;
    const known = this.#known.get(pid);
    const record = known?.raw.equals(this.#value) ? known.record : this.#read(pid);
    return record.start === start ? record : undefined;
  }

  #read(pid: number): ProcessRecord {
    // The record's texts are views of it.
    const raw = Buffer.from(this.#value);
    const record = processRecord.read(raw);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(pid, { raw, record });
    return record;
  }
}
