/**
 * A target: one cgroup, one network namespace, one identity, held by one slot of the kernel's maps.
 * Turns a compiled policy into a rule table, swaps tables at once, and puts learned addresses into the
 * kernel before the resolver releases an answer.
 */

import type { KeptTarget } from '#bpf/kept-state.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { policyFlags } from '#bpf/layout.ts';
import type { LearnedAddress } from '#dns/ports.ts';
import { dohAddresses } from '#policy/always-denied.ts';
import { judgeName } from '#policy/judge-name.ts';
import type { CompiledPolicy, NameVerdict, Permission } from '#policy/types.ts';
import { type Budget, defaultBudget, queryCredit } from './budget.ts';
import { LearnedAddresses } from './learned.ts';
import { type NameId, NameIds } from './name-ids.ts';
import type { Numbers } from './numbers.ts';

export interface Endpoint {
  /** IPv4, host order. */
  readonly address: number;
  readonly port: number;
}

/** Where a target's packets are: its network namespace, and the way to its resolver. */
export interface TargetPlace {
  /** `targetFlags` of bpf/layout.ts. */
  readonly flags: number;
  readonly resolver: Endpoint;
  /** Put on packets to the resolver, whose sockets take no other; unguessable. 0: they take any. */
  readonly mark: number;
  /** Of a namespace of its own: indexes of links that lead out of it. */
  readonly uplinks: readonly number[];
  /** And its addresses, host order. */
  readonly own: readonly number[];
}

export interface TargetSpec {
  /** Place in the kernel's arrays. */
  readonly slot: number;
  /** Unique over the engine's life, from 1. */
  readonly id: number;
  readonly cgroup: { readonly path: string; readonly id: bigint; readonly level: number };
  readonly place: TargetPlace;
  readonly budget?: Budget;
  /** What a process before this one left of it. */
  readonly before?: KeptTarget | undefined;
  /** The policy that was in force then, where somebody remembers it. */
  readonly former?: CompiledPolicy | undefined;
}

/** A packet that is under way may still be judged by the table before; then it is removed. */
const RETIRE_AFTER = 1_000;
const neverLearned = new Set(dohAddresses);

export class Target {
  readonly spec: TargetSpec;
  readonly names: NameIds;
  readonly #kernel: Kernel;
  readonly #numbers: Numbers;
  readonly #learned: LearnedAddresses;
  readonly #policies = new Map<number, CompiledPolicy>();
  /** Names that the kernel knows ahead of their first address. */
  readonly #prepared = new Map<string, NameId>();
  #policy: CompiledPolicy;
  #table: number;
  /** Its numbers may be others' by now. */
  #ended = false;

  /**
   * Makes the target known to the kernel with this policy in force. Nothing is attached by it.
   * `levels` are the depths of all targets' cgroups, as a bit mask. One that a process before this one held
   * goes on with its names and addresses, and under the table in force where that holds the same policy.
   */
  constructor(
    kernel: Kernel,
    numbers: Numbers,
    spec: TargetSpec,
    policy: CompiledPolicy,
    levels: bigint,
  ) {
    this.#kernel = kernel;
    this.#numbers = numbers;
    this.spec = spec;
    const { place, before } = spec;
    this.names = new NameIds(() => numbers.nextName());
    const budget = spec.budget ?? defaultBudget;
    this.#learned = new LearnedAddresses(kernel, spec.id, budget.addresses);
    this.#policy = policy;
    this.#table = before?.table ?? 0;
    if (before) this.#takeOver(before);
    kernel.setTarget(
      spec.slot,
      {
        cgroup_id: spec.cgroup.id,
        id: spec.id,
        level: spec.cgroup.level,
        flags: place.flags,
        resolver_addr: place.resolver.address,
        resolver_port: place.resolver.port,
        mark: place.mark,
        uplink: place.uplinks.map((value) => ({ value })),
        own: place.own.map((value) => ({ value })),
        row_budget: budget.rows,
        ...queryCredit(budget),
      },
      levels,
    );
    // Rows of the table before name its rules by number.
    const former = [policy, spec.former].find((one) => one && one.digest === before?.digest);
    if (before && former) this.#policies.set(before.formerTable, former);
    if (before?.table && before.digest === policy.digest) this.#goOn(policy);
    else this.setPolicy(policy);
  }

  get policy(): CompiledPolicy {
    return this.#policy;
  }

  get inForce(): { readonly table: number; readonly digest: string } {
    return { table: this.#table, digest: this.#policy.digest };
  }

  /** The policy that a row's table number stood for. */
  policyOf(table: number): CompiledPolicy | undefined {
    return this.#policies.get(table);
  }

  judge(name: string): NameVerdict {
    return judgeName(this.#policy, name);
  }

  /**
   * Puts a policy in force: its table is complete before the one store that makes it the policy of
   * every packet. Throws with the policy before still in force.
   */
  setPolicy(policy: CompiledPolicy): void {
    const table = this.#numbers.nextTable(this.#table);
    try {
      this.#fill(table, policy);
    } catch (cause) {
      this.#empty(table, policy);
      throw cause;
    }
    const before = { table: this.#table, policy: this.#policies.get(this.#table) };
    const denies = policy.cidrs.some((c) => c.permissions.some((p) => p.action === 'deny'));
    const flags =
      (policy.mode === 'Observe' ? policyFlags.observe : 0n) | (denies ? policyFlags.denyCidr : 0n);
    this.#kernel.keeping.policy(this.spec.slot, table, policy.digest);
    this.#kernel.setPolicy(this.spec.slot, table, flags);
    this.#policies.set(table, policy);
    this.#policy = policy;
    this.#table = table;
    if (before.table)
      setTimeout(() => this.#empty(before.table, before.policy), RETIRE_AFTER).unref();
  }

  /** Addresses of a name, from an answer that will be released when this has returned. */
  learn(name: string, addresses: readonly LearnedAddress[], refused: boolean): void {
    if (this.#ended) return;
    const { entry } = this.#know(name, refused);
    if (!refused) this.#prepared.delete(name);
    const now = this.#kernel.tick();
    for (const { address, seconds } of addresses) {
      // The packet hook's short way takes learned addresses without a look into that list.
      if (neverLearned.has(address)) continue;
      this.#learned.learn(address, entry.id, now + this.#kernel.ticks(seconds), now);
    }
  }

  /** An answer for an allowed name is being waited for: all that does not depend on it is done meanwhile. */
  prepare(name: string, permissions: readonly Permission[]): void {
    if (this.#ended) return;
    const { entry, fresh } = this.#know(name, false, permissions);
    if (fresh) this.#prepared.set(name, entry);
  }

  /** No address came of it. */
  abandon(name: string): void {
    const entry = this.#prepared.get(name);
    if (entry !== undefined) this.#forget(entry);
  }

  /**
   * The cgroup is gone, and nothing of it is judged any more: the kernel forgets it. Answers that come later
   * change nothing.
   */
  end(): void {
    this.#ended = true;
    this.#prepared.clear();
    const { slot, cgroup } = this.spec;
    this.#empty(this.#table, this.#policy);
    this.#learned.clear();
    const ids = [...this.names].map(({ id }) => id);
    for (const id of ids) this.#kernel.keeping.forgetName(id);
    // Last: a target that is still known is forgotten again by the process after this one.
    this.#kernel.deleteTarget(slot, cgroup.id);
    this.#numbers.freeNames(ids);
  }

  /** Its number, under which the kernel has its rules. */
  #know(
    name: string,
    refused: boolean,
    permissions?: readonly Permission[],
  ): { readonly entry: NameId; readonly fresh: boolean } {
    const known = this.names.intern(name, refused);
    if (!known.fresh) return known;
    try {
      this.#kernel.keeping.name(known.entry.id, this.spec.id, name, refused);
      if (permissions === undefined) this.#setName(this.#table, known.entry.id, name, refused);
      else this.#kernel.setLines(this.#table, known.entry.id, permissions);
    } catch (cause) {
      this.#forget(known.entry);
      throw cause;
    }
    return known;
  }

  /** No address has it. The next name of this number must not find its rules. */
  #forget(entry: NameId): void {
    this.names.remove(entry);
    this.#prepared.delete(entry.name);
    this.#kernel.keeping.forgetName(entry.id);
    this.#kernel.setLines(this.#table, entry.id, []);
    this.#numbers.freeNames([entry.id]);
  }

  #takeOver({ names, addresses, carried }: KeptTarget): void {
    this.names.restore(names);
    if (!carried) {
      this.#learned.restore(addresses);
      return;
    }
    for (const { id, name, refused } of names) {
      this.#kernel.keeping.name(id, this.spec.id, name, refused);
    }
    this.#learned.carry(addresses);
  }

  /** Under the table that is in force. Names may lack their lines where the process before was stopped. */
  #goOn(policy: CompiledPolicy): void {
    this.#policies.set(this.#table, policy);
    for (const { id, name, refused } of this.names) this.#setName(this.#table, id, name, refused);
  }

  #fill(table: number, policy: CompiledPolicy): void {
    for (const c of policy.cidrs) this.#kernel.setCidr(table, c.address, c.length, c.permissions);
    for (const { id, name, refused } of this.names) this.#setName(table, id, name, refused, policy);
  }

  #empty(table: number, policy: CompiledPolicy | undefined): void {
    if (policy === undefined) this.#kernel.deleteCidrsOf((other) => other === table);
    else for (const c of policy.cidrs) this.#kernel.deleteCidr(table, c.address, c.length);
  }

  #setName(table: number, id: number, name: string, refused: boolean, policy = this.#policy): void {
    if (refused || name === '') return;
    const { allowed, permissions } = judgeName(policy, name);
    // Without lines a name is not allowed; what it had under an older table is void.
    if (allowed) this.#kernel.setLines(table, id, permissions);
  }
}
