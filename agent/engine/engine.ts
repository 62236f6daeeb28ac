/**
 * Holds cgroups. The order of `hold` is the promise: rules are in the kernel before a program is
 * attached, programs are attached before the resolver answers, and nobody runs in the cgroup before
 * `hold` has returned.
 */
import { failure } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { native } from '#bpf/native.ts';
import { createResolver, type Resolver } from '#dns/resolver.ts';
import { dohAddresses } from '#policy/always-denied.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { taggedSockets } from '../cgroup/tags.ts';
import { errors } from '../errors.ts';
import { RowTable, type TargetLabels } from '../evidence/rows.ts';
import { redirectByHooks } from '../redirect/by-hooks.ts';
import { redirectByNftables } from '../redirect/by-nftables.ts';
import type { Redirect } from '../redirect/redirect.ts';
import type { Listening } from '../resolver/listen.ts';
import { createRandom16 } from '../resolver/random.ts';
import { listenByTcp } from '../resolver/tcp-server.ts';
import { listenByUdp } from '../resolver/udp-server.ts';
import type { ServerPool } from '../resolver/upstream.ts';
import { type Budget, defaultBudget } from '../target/budget.ts';
import { Numbers, Target } from '../target/target.ts';
import { attachedText } from './attached.ts';

export interface EngineOptions {
  readonly slots: number;
  readonly version: string;
  /** Told of what went wrong with one query or client; holding goes on. */
  fault(error: unknown): void;
}

export interface HoldOptions {
  readonly cgroup: { readonly path: string; readonly id: bigint; readonly level: number };
  readonly policy: CompiledPolicy;
  readonly upstream: ServerPool;
  readonly labels: TargetLabels;
  /** Endings that the target's resolvers try with each name. */
  readonly searches?: readonly string[];
  /**
   * The network namespace, where it is not ours: one that the target shares with others, or that is its
   * own alone. Rules of a firewall are only ever set in one of its own.
   */
  readonly netns?: { readonly path: string; readonly own: boolean };
  /** Folder on a bpffs that gets the links. */
  readonly pins: string;
  readonly budget?: Partial<Budget>;
  onRow(event: EgressEvent): void;
  /** Is this process one that runs the target rather than a part of it? */
  outside(pid: number): boolean;
}

/** Room for a common query, beside what the kernel adds. */
const QUERY_BYTES = 1024;
const MS_IN_NS = 1_000_000n;

export class Engine {
  readonly kernel: Kernel;
  readonly #options: EngineOptions;
  readonly #numbers = new Numbers();
  readonly #held = new Map<number, HeldTarget>();
  #levels = 0n;
  #lastId = 0;

  /** Takes over a kernel, see `Kernel.load`. */
  constructor(kernel: Kernel, options: EngineOptions) {
    this.#options = options;
    this.kernel = kernel;
    for (const address of dohAddresses) this.kernel.setDohAddress(address);
    this.kernel.attachTraces();
    this.kernel.onEvents((events) => {
      for (const held of this.#held.values()) held.rows.add(events);
    });
  }

  /** Holds a cgroup, whose processes share our network namespace unless `netns` names another. */
  async hold(options: HoldOptions): Promise<HeldTarget> {
    // Each time: a hierarchy can be mounted at any moment.
    const hole = taggedSockets(this.kernel);
    if (hole) throw hole;
    const slot = this.#freeSlot();
    const budget = { ...defaultBudget, ...options.budget };
    const redirect = this.#redirect(options, slot, budget.queryBurst * QUERY_BYTES);
    try {
      this.#levels |= 1n << BigInt(options.cgroup.level);
      const id = ++this.#lastId;
      const spec = { slot, id, cgroup: options.cgroup, place: redirect.place, budget };
      const target = new Target(this.kernel, this.#numbers, spec, options.policy, this.#levels);
      this.kernel.attachCgroup(options.cgroup.path, options.pins);
      const held = new HeldTarget(this.kernel, target, options, this.#options, () => {
        redirect.close();
        this.#held.delete(slot);
      });
      this.#held.set(slot, held);
      redirect.engage();
      await held.answer(redirect);
      return held;
    } catch (cause) {
      redirect.close();
      throw cause;
    }
  }

  #redirect({ netns }: HoldOptions, slot: number, room: number): Redirect {
    if (!netns?.own) return redirectByHooks(room, netns?.path);
    return redirectByNftables({ netns: netns.path, kernel: this.kernel, slot, room });
  }

  close(): void {
    this.kernel.close();
  }

  #freeSlot(): number {
    for (let slot = 0; slot < this.#options.slots; slot++) if (!this.#held.has(slot)) return slot;
    throw failure(errors.noSlot, { limit: this.#options.slots });
  }
}

export class HeldTarget {
  readonly target: Target;
  readonly rows: RowTable;
  readonly resolver: Resolver;
  readonly #kernel: Kernel;
  readonly #fault: (error: unknown) => void;
  readonly #release: () => void;
  readonly #servers: Listening[] = [];

  constructor(
    kernel: Kernel,
    target: Target,
    options: HoldOptions,
    engine: Pick<EngineOptions, 'version' | 'fault'>,
    release: () => void,
  ) {
    this.#kernel = kernel;
    this.target = target;
    this.#fault = engine.fault;
    this.#release = release;
    const booted = BigInt(Date.now()) * MS_IN_NS - native().bootTime();
    this.rows = new RowTable({
      kernel,
      target,
      labels: options.labels,
      searches: options.searches ?? [],
      now: Date.now,
      wallTime: (boot) => Number((booted + boot) / MS_IN_NS),
      outside: options.outside,
      onRow: options.onRow,
    });
    this.resolver = createResolver({
      judge: () => (name) => target.judge(name),
      mode: () => target.policy.mode,
      attached: () => attachedText(engine.version, target.policy),
      upstream: options.upstream,
      sink: target,
      evidence: this.rows,
      fault: engine.fault,
      clock: () => performance.now(),
      random: createRandom16(),
      limits: { ...defaultBudget, ...options.budget }.resolver,
    });
  }

  /** Takes queries from these sockets from now on. */
  async answer(redirect: Pick<Redirect, 'take'>): Promise<void> {
    const answer = this.resolver.handle.bind(this.resolver);
    const fault = this.#fault;
    for (const { kind, fd } of redirect.take()) {
      const options = { where: { fd, family: kind.endsWith('6') ? 6 : 4 }, answer, fault } as const;
      const listen = kind.startsWith('udp') ? listenByUdp : listenByTcp;
      this.#servers.push(await listen(options));
    }
  }

  /** Another policy, at once. Throws with the one before still in force. */
  setPolicy(policy: CompiledPolicy): void {
    this.target.setPolicy(policy);
    this.resolver.policyChanged();
  }

  /** Verdicts that found no room for a row of their own. */
  overflow(): { refused: number; allowed: number } {
    const { refused, allowed } = this.#kernel.overflow(this.target.spec.slot);
    return { refused: refused + this.rows.overflow, allowed };
  }

  /** Stops answering. What is attached and pinned goes on refusing. */
  async close(): Promise<void> {
    this.#release();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** The cgroup is gone: its last rows, and nothing of it stays in the kernel. */
  async end(): Promise<readonly EgressEvent[]> {
    await this.close();
    const rows = this.rows.finish();
    this.rows.forget();
    this.target.end();
    return rows;
  }
}
