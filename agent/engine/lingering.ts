/**
 * Targets whose cgroup is gone, and whose last rows could still be lost with this process: the kernel keeps what it
 * knows of them until they could not, so that the next process can tell it.
 */
import type { Kernel } from '#bpf/kernel.ts';
import { timesOf, toldLookupKey } from '#bpf/lookup-table.ts';
import { native } from '#bpf/native.ts';
import { overflowKey } from '#bpf/told-table.ts';
import type { Told } from '../evidence/told-row.ts';

export interface Last {
  readonly cgroup: bigint;
  /** Of the policy that its rows name rules of, hex. */
  readonly digest: string;
  /** Its rows in the kernel with their final counts. */
  readonly rows: readonly { readonly row: Buffer; readonly count: number }[];
  readonly told: Told;
  readonly target: number;
  /** Nothing of it stays in the kernel. */
  release(): void;
}

const MS_IN_NS = 1_000_000n;

/** Between two looks, ms. */
const PAUSE = 100;
/** Slots, and rows of the map that all targets share, which may wait; beyond it the oldest go. */
const MOST = { targets: 256, rows: 32_768 };

interface Waiting extends Last {
  readonly left: { readonly row: Buffer; readonly count: number }[];
}

export class Lingering {
  readonly #waiting = new Map<bigint, Waiting>();
  #timer: NodeJS.Timeout | undefined;

  get digests(): readonly string[] {
    return [...this.#waiting.values()].map(({ digest }) => digest);
  }

  add(last: Last): void {
    this.#waiting.set(last.cgroup, { ...last, left: [...last.rows] });
    while (this.#isTooMuch()) this.release(this.#waiting.keys().next().value as bigint);
    this.#watch();
  }

  /** Its slot is needed now: what is not kept yet is in this process alone. */
  release(cgroup: bigint): void {
    const one = this.#waiting.get(cgroup);
    this.#waiting.delete(cgroup);
    if (one === undefined) return;
    if (!isDone(one)) one.told.giveUp(one.target);
    one.release();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #isTooMuch(): boolean {
    let rows = 0;
    for (const { left } of this.#waiting.values()) rows += left.length;
    return this.#waiting.size > MOST.targets || (rows > MOST.rows && this.#waiting.size > 1);
  }

  #watch(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const [cgroup, one] of this.#waiting) if (isDone(one)) this.release(cgroup);
      this.#watch();
    }, PAUSE);
    this.#timer.unref();
  }
}

/** Rows that are kept stay kept: each is looked at until it is, and then not again. */
function isDone({ left, told }: Waiting): boolean {
  for (let last = left.at(-1); last !== undefined; last = left.at(-1)) {
    if (!told.isKept(last.row, last.count)) return false;
    left.pop();
  }
  return true;
}

/**
 * A target's rows as they are now, of packets and of lookups, and its overflow; undefined where nobody keeps what is
 * told.
 */
export function lastRows(
  kernel: Pick<Kernel, 'row' | 'rowKeys' | 'overflow' | 'lookups'>,
  { id, slot }: { readonly id: number; readonly slot: number },
  told: Told | undefined,
): Pick<Last, 'rows' | 'told' | 'target'> | undefined {
  if (told === undefined) return undefined;
  const rows = kernel
    .rowKeys(id)
    .map((row) => ({ row, count: Number(kernel.row(row)?.count ?? 0n) }));
  const lookups = (kernel.lookups?.of(id) ?? []).map(({ number, lookup }) => ({
    ...{ row: toldLookupKey(id, number), count: timesOf(lookup) },
  }));
  const beyond = { row: overflowKey(id), count: kernel.overflow(slot).refused };
  return { rows: [beyond, ...lookups, ...rows], told, target: id };
}

/** Wall time in ms of a moment in ns of CLOCK_BOOTTIME. */
export function wallClock(): (boot: bigint) => number {
  const booted = BigInt(Date.now()) * MS_IN_NS - native().bootTime();
  return (boot) => Number((booted + boot) / MS_IN_NS);
}
