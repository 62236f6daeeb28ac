/**
 * A target: one cgroup, one network namespace, one identity, held by one slot of the kernel's maps.
 * Turns a compiled policy into a rule table, swaps tables at once, and puts learned addresses into the
 * kernel before the resolver releases an answer.
 */
import type { Kernel } from '#bpf/kernel.ts';
import { policyFlags, targetFlags } from '#bpf/layout.ts';
import type { LearnedAddress } from '#dns/ports.ts';
import { judgeName } from '#policy/judge-name.ts';
import type { CompiledPolicy, NameVerdict } from '#policy/types.ts';
import { LearnedAddresses } from './learned.ts';
import { NameIds } from './name-ids.ts';

export interface Endpoint {
  /** IPv4, host order. */
  readonly address: number;
  readonly port: number;
}

export interface TargetSpec {
  /** Place in the kernel's arrays. */
  readonly slot: number;
  /** Unique over the engine's life, from 1. */
  readonly id: number;
  readonly cgroup: { readonly path: string; readonly id: bigint; readonly level: number };
  /** The network namespace is the target's own; otherwise hooks redirect port 53. */
  readonly ownNetns: boolean;
  readonly resolver: Endpoint;
  /** Put on packets to the resolver, whose sockets take no other; unguessable, not 0. */
  readonly mark: number;
}

/** Evidence rows that one target may hold in the kernel. */
export const ROW_BUDGET = 4096;
/** Queries: a burst of 1,000, then 500 a second. A lookup by glibc is two. */
const QUERY_INTERVAL = 2_000_000;
const QUERY_BURST = 1_000n * BigInt(QUERY_INTERVAL);
/** A packet that is under way may still be judged by the table before; then it is removed. */
const RETIRE_AFTER = 1_000;
const SECOND_IN_NS = 1_000_000_000n;
const TICK_IN_NS = 1n << 24n;

/** Ticks in so many seconds, rounded up. */
export function ticks(seconds: number): number {
  return Number((BigInt(Math.ceil(seconds)) * SECOND_IN_NS + TICK_IN_NS - 1n) / TICK_IN_NS);
}

/** Numbers of rule tables, shared by all targets of an engine: a number is never used again. */
export class TableNumbers {
  #last = 0;
  next(): number {
    return ++this.#last;
  }
}

export class Target {
  readonly spec: TargetSpec;
  readonly names = new NameIds();
  readonly #kernel: Kernel;
  readonly #tables: TableNumbers;
  readonly #learned: LearnedAddresses;
  readonly #policies = new Map<number, CompiledPolicy>();
  #policy: CompiledPolicy;
  #table = 0;

  /**
   * Makes the target known to the kernel with this policy in force. Nothing is attached by it.
   * `levels` are the depths of all targets' cgroups, as a bit mask.
   */
  constructor(
    kernel: Kernel,
    tables: TableNumbers,
    spec: TargetSpec,
    policy: CompiledPolicy,
    levels: bigint,
  ) {
    this.#kernel = kernel;
    this.#tables = tables;
    this.spec = spec;
    this.#learned = new LearnedAddresses(kernel, spec.id);
    this.#policy = policy;
    kernel.setTarget(
      spec.slot,
      {
        cgroup_id: spec.cgroup.id,
        id: spec.id,
        level: spec.cgroup.level,
        flags: spec.ownNetns ? targetFlags.ownNetns : targetFlags.redirect,
        resolver_addr: spec.resolver.address,
        resolver_port: spec.resolver.port,
        mark: spec.mark,
        row_budget: ROW_BUDGET,
        query_interval: QUERY_INTERVAL,
        query_burst: QUERY_BURST,
      },
      levels,
    );
    this.setPolicy(policy);
  }

  get policy(): CompiledPolicy {
    return this.#policy;
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
    const table = this.#tables.next();
    try {
      this.#fill(table, policy);
    } catch (cause) {
      this.#empty(table, policy);
      throw cause;
    }
    const before = { table: this.#table, policy: this.#policy };
    const denies = policy.cidrs.some((c) => c.permissions.some((p) => p.action === 'deny'));
    const flags =
      (policy.mode === 'Observe' ? policyFlags.observe : 0n) | (denies ? policyFlags.denyCidr : 0n);
    this.#kernel.setPolicy(this.spec.slot, table, flags);
    this.#policies.set(table, policy);
    this.#policy = policy;
    this.#table = table;
    if (before.table)
      setTimeout(() => this.#empty(before.table, before.policy), RETIRE_AFTER).unref();
  }

  /** Addresses of a name, from an answer that will be released when this has returned. */
  learn(name: string, addresses: readonly LearnedAddress[], refused: boolean): void {
    const { entry, fresh } = this.names.intern(name, refused);
    if (fresh) this.#setName(this.#table, entry.id, name, refused);
    const now = this.#kernel.tick();
    for (const { address, seconds } of addresses) {
      this.#learned.learn(address, entry.id, now + ticks(seconds), now);
    }
  }

  #fill(table: number, policy: CompiledPolicy): void {
    for (const c of policy.cidrs) this.#kernel.setCidr(table, c.address, c.length, c.permissions);
    for (const { id, name, refused } of this.names) this.#setName(table, id, name, refused, policy);
  }

  #empty(table: number, policy: CompiledPolicy): void {
    for (const c of policy.cidrs) this.#kernel.deleteCidr(table, c.address, c.length);
    for (const { id } of this.names) this.#kernel.deleteLines(table, id);
  }

  #setName(table: number, id: number, name: string, refused: boolean, policy = this.#policy): void {
    if (refused) return;
    const { allowed, permissions } = judgeName(policy, name);
    if (allowed) this.#kernel.setLines(table, id, permissions);
  }
}
