/**
 * The part of a target that a process is in: a pod's container. The kernel says which cgroup that is and what it
 * is called; whoever holds the target knows whose cgroup is called so, perhaps after asking.
 */
import type { EgressEvent } from '#api/event.ts';
import type { Kernel } from '#bpf/kernel.ts';
import type { ProcessRecord } from '#bpf/records.ts';

/** A name, null where nobody has one, or who is asked for it; it rejects never. */
export type PartName = string | null | Promise<string | null>;

/** Containers of one pod are few; cgroups that a mighty job makes need not be. */
const MOST = 256;

export class Parts {
  readonly #kernel: Pick<Kernel, 'partName'>;
  readonly #nameOf: (cgroup: string) => PartName;
  readonly #known = new Map<bigint, PartName>();

  /** `nameOf` is given the last word of a cgroup's path. */
  constructor(kernel: Pick<Kernel, 'partName'>, nameOf: (cgroup: string) => PartName = () => null) {
    this.#kernel = kernel;
    this.#nameOf = nameOf;
  }

  of({ part }: Pick<ProcessRecord, 'part'>): PartName {
    if (part === 0n) return null;
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const cgroup = this.#kernel.partName(part);
    const name = cgroup === undefined ? null : this.#nameOf(cgroup);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#note(part, name);
    return name;
  }

  /** What could not be found out is asked for again with the next row. */
  #note(part: bigint, name: PartName): void {
    if (name === null) this.#known.delete(part);
    else this.#known.set(part, name);
    if (name instanceof Promise) void name.then((found) => this.#note(part, found));
  }
}

/** Into the event, now or as soon as it is known; then what it gives resolves. */
export function nameContainer(event: EgressEvent, name: PartName): Promise<void> | undefined {
  if (!(name instanceof Promise)) {
    event.container = name;
    return undefined;
  }
  return name.then((found) => {
    event.container = found;
  });
}
