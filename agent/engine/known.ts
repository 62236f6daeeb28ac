/**
 * Which cgroups have a slot in the kernel's maps: those held now, those that a process before this one held,
 * and those whose holding failed half-way. A slot is given to another cgroup only when its own is gone.
 */
import { failure } from '#api/error.ts';
import type { KeptState, KeptTarget } from '#bpf/kept-state.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { errors } from '../errors.ts';

interface Entry {
  readonly slot: number;
  readonly level: number;
  /** What the process before left of it, until it is held again. */
  before: KeptTarget | undefined;
  held: boolean;
}

export class KnownTargets {
  readonly #kernel: Kernel;
  readonly #slots: number;
  readonly #living: (() => ReadonlySet<bigint>) | undefined;
  readonly #entries = new Map<bigint, Entry>();

  /** `living`: ids of all cgroups; without it nothing that is known is taken for gone. */
  constructor(
    kernel: Kernel,
    slots: number,
    { targets, orphans }: KeptState,
    living: (() => ReadonlySet<bigint>) | undefined,
  ) {
    this.#kernel = kernel;
    this.#slots = slots;
    this.#living = living;
    for (const before of targets) {
      const { slot, level } = before;
      this.#entries.set(before.cgroup, { slot, level, before, held: false });
    }
    for (const id of orphans.names) kernel.keeping.forgetName(id);
    for (const { target, addr } of orphans.addresses) kernel.deleteLearned(target, addr);
    if (kernel.keeping.kept) {
      const tables = new Set(targets.map(({ table }) => table));
      kernel.deleteCidrsOf((table) => !tables.has(table));
    }
  }

  /** How many of the process before are still to be held again. */
  get waiting(): number {
    return [...this.#entries.values()].filter(({ before }) => before !== undefined).length;
  }

  /** Digests of the policies by which the process before held what is not held again yet. */
  get digests(): readonly string[] {
    return [...this.#entries.values()].flatMap(({ before }) => before?.digest ?? []);
  }

  /** The same of one cgroup; empty where nobody wrote it down. Undefined: it is none of those. */
  digestOf(cgroup: bigint): string | undefined {
    return this.#entries.get(cgroup)?.before?.digest;
  }

  has(cgroup: bigint): boolean {
    return this.#entries.has(cgroup);
  }

  /** The slot of a cgroup, its own where it has one. @throws TW_AGENT_SLOTS */
  place(cgroup: bigint, level: number): Pick<Entry, 'slot' | 'before'> {
    const known = this.#entries.get(cgroup);
    if (known) {
      known.held = true;
      return known;
    }
    if (this.#entries.size >= this.#slots) this.dropDead();
    const slot = this.#free();
    if (slot === undefined) throw failure(errors.noSlot, { limit: this.#slots });
    const entry = { slot, level, before: undefined, held: true };
    this.#entries.set(cgroup, entry);
    return entry;
  }

  /** It is held. */
  taken(cgroup: bigint): void {
    const entry = this.#entries.get(cgroup);
    if (entry) entry.before = undefined;
  }

  /** It could not be held; it keeps its slot, and what it was before for the next try. */
  failed(cgroup: bigint, now: Pick<KeptTarget, 'table' | 'digest'> | undefined): void {
    const entry = this.#entries.get(cgroup);
    if (!entry) return;
    entry.held = false;
    if (entry.before && now) entry.before = { ...entry.before, ...now };
  }

  /** Its cgroup is gone, and so is all that the kernel knew of it. */
  forget(cgroup: bigint): void {
    this.#entries.delete(cgroup);
  }

  /** Depths of all known cgroups, as a bit mask. */
  get levels(): bigint {
    let mask = 0n;
    for (const { level } of this.#entries.values()) mask |= 1n << BigInt(level);
    return mask;
  }

  #free(): number | undefined {
    const taken = new Set([...this.#entries.values()].map(({ slot }) => slot));
    for (let slot = 0; slot < this.#slots; slot++) if (!taken.has(slot)) return slot;
    return undefined;
  }

  /** What nobody attends and whose cgroup is gone is forgotten by the kernel too. */
  dropDead(): void {
    for (const [cgroup] of this.#dead()) this.drop(cgroup);
  }

  /**
   * Those of the process before whose cgroup is gone: from now on they are the caller's, who tells what they left
   * and then drops them. All other dead ones are dropped.
   */
  claimDead(): readonly KeptTarget[] {
    const claimed: KeptTarget[] = [];
    for (const [cgroup, entry] of this.#dead()) {
      if (entry.before === undefined) {
        this.drop(cgroup);
        continue;
      }
      entry.held = true;
      claimed.push(entry.before);
    }
    return claimed;
  }

  /** The kernel forgets it. */
  drop(cgroup: bigint): void {
    const entry = this.#entries.get(cgroup);
    if (entry === undefined) return;
    if (entry.before) this.#dropKept(entry.before);
    this.#kernel.forgetUplinksOf(entry.slot);
    this.#kernel.deleteTarget(entry.slot, cgroup);
    this.#entries.delete(cgroup);
  }

  /** Ids of targets of the process before that are not held again yet. */
  get ids(): ReadonlySet<number> {
    return new Set([...this.#entries.values()].flatMap(({ before }) => before?.id ?? []));
  }

  #dead(): readonly (readonly [bigint, Entry])[] {
    const living = this.#living?.();
    if (living === undefined) return [];
    return [...this.#entries].filter(([cgroup, { held }]) => !held && !living.has(cgroup));
  }

  #dropKept({ id, table, names, addresses }: KeptTarget): void {
    for (const addr of addresses.keys()) this.#kernel.deleteLearned(id, addr);
    for (const name of names) this.#kernel.keeping.forgetName(name.id);
    this.#kernel.deleteRows(id);
    this.#kernel.deleteCidrsOf((other) => other === table);
  }
}
