/**
 * Holds cgroups. The order of `hold` is the promise: rules are in the kernel before a program is
 * attached, programs are attached before the resolver answers, and nobody runs in the cgroup before
 * `hold` has returned.
 */
import { failure } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import type { KeptTarget } from '#bpf/kept-state.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { native } from '#bpf/native.ts';
import type { EventRecord } from '#bpf/records.ts';
import { createResolver, type Resolver } from '#dns/resolver.ts';
import { dohAddresses } from '#policy/always-denied.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { taggedSockets } from '../cgroup/tags.ts';
import { errors } from '../errors.ts';
import { overflowRow } from '../evidence/overflow.ts';
import type { PartName } from '../evidence/parts.ts';
import { RowTable, type TargetLabels } from '../evidence/rows.ts';
import { noStore, type SocketStore } from '../parent/kept-sockets.ts';
import { redirectByHooks } from '../redirect/by-hooks.ts';
import { redirectByNftables } from '../redirect/by-nftables.ts';
import type { Redirect } from '../redirect/redirect.ts';
import type { Listening } from '../resolver/listen.ts';
import { createRandom16 } from '../resolver/random.ts';
import { listenByTcp } from '../resolver/tcp-server.ts';
import { listenByUdp } from '../resolver/udp-server.ts';
import type { ServerPool } from '../resolver/upstream.ts';
import { type Budget, defaultBudget } from '../target/budget.ts';
import { Numbers } from '../target/numbers.ts';
import { Target } from '../target/target.ts';
import { attachedText } from './attached.ts';
import { KnownTargets } from './known.ts';

export interface EngineOptions {
  readonly slots: number;
  readonly version: string;
  /** Told of what went wrong with one query or client; holding goes on. */
  fault(error: unknown): void;
  /** Ids of all cgroups there are, where targets may outlive this process. */
  living?(): ReadonlySet<bigint>;
  /** Processes in a cgroup and below: whose sockets are carried to maps of another layout. */
  members?(cgroup: string): readonly number[];
  /** Who keeps the resolvers' sockets beyond this process. */
  readonly sockets?: SocketStore;
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
  /** Whose cgroup right below the target's is called so; a row says it as its container. */
  partName?(cgroup: string): PartName;
}

/** Room for a common query, beside what the kernel adds. */
const QUERY_BYTES = 1024;
const MS_IN_NS = 1_000_000n;
/** What comes on top is told with the last counts. */
const EARLY_EVENTS = 4096;

export class Engine {
  readonly kernel: Kernel;
  readonly #options: EngineOptions;
  readonly #sockets: SocketStore;
  readonly #numbers: Numbers;
  readonly #known: KnownTargets;
  readonly #held = new Map<number, HeldTarget>();
  /** Events of targets that a process before this one held, until they are held again. */
  #early: EventRecord[] = [];
  #settled = false;

  /** Takes over a kernel, see `Kernel.load`. */
  constructor(kernel: Kernel, options: EngineOptions) {
    this.#options = options;
    this.kernel = kernel;
    this.#sockets = options.sockets ?? noStore;
    const kept = kernel.keeping.state();
    const names = kept.targets.flatMap((target) => target.names.map(({ id }) => id));
    this.#numbers = new Numbers(kept.numbers, names, (last) => kernel.keeping.numbers(last));
    this.#known = new KnownTargets(kernel, options.slots, kept, options.living);
    if (kernel.keeping.lost) options.fault(kernel.keeping.lost);
    for (const address of dohAddresses) this.kernel.setDohAddress(address);
    this.kernel.attachTraces();
    this.kernel.onEvents((events) => {
      for (const held of this.#held.values()) held.rows.add(events);
      this.#keepEarly(events);
    });
    this.#settle();
  }

  /**
   * Holds a cgroup, whose processes share our network namespace unless `netns` names another. One that a
   * process before this one held goes on as what it is: under the policy in force until the given one is,
   * with its names and its open connections.
   */
  async hold(options: HoldOptions): Promise<HeldTarget> {
    // Each time: a hierarchy can be mounted at any moment.
    const hole = taggedSockets(this.kernel);
    if (hole) throw hole;
    const { cgroup } = options;
    const { slot, before } = this.#known.place(cgroup.id, cgroup.level);
    const budget = { ...defaultBudget, ...options.budget };
    let redirect: Redirect | undefined;
    let target: Target | undefined;
    try {
      redirect = await this.#redirect(options, slot, budget.queryBurst * QUERY_BYTES, before);
      const id = before?.id ?? this.#numbers.nextTarget();
      const spec = { slot, id, cgroup, place: redirect.place, budget, before };
      const { levels } = this.#known;
      target = new Target(this.kernel, this.#numbers, spec, options.policy, levels);
      if (before?.carried) this.#carry(id, cgroup.path);
      const held = this.#attend(target, options, redirect);
      await this.kernel.attachCgroup(cgroup.path, options.pins);
      await redirect.engage();
      this.kernel.keeping.engaged(slot);
      await held.answer(redirect);
      this.#known.taken(cgroup.id);
      this.#settle();
      return held;
    } catch (cause) {
      redirect?.close();
      this.#sockets.drop(String(cgroup.id));
      this.#held.delete(slot);
      this.#known.failed(cgroup.id, target?.inForce);
      throw cause;
    }
  }

  #attend(target: Target, options: HoldOptions, redirect: Redirect): HeldTarget {
    const { slot, cgroup } = target.spec;
    const held = new HeldTarget(this.kernel, target, options, this.#options, {
      stopped: () => {
        redirect.close();
        this.#held.delete(slot);
      },
      gone: () => {
        redirect.forget();
        this.#sockets.drop(String(cgroup.id));
        this.#known.forget(cgroup.id);
      },
    });
    this.#held.set(slot, held);
    held.rows.add(this.#early);
    return held;
  }

  async #redirect(
    { netns, cgroup }: HoldOptions,
    slot: number,
    room: number,
    before: KeptTarget | undefined,
  ): Promise<Redirect> {
    const keep = { store: this.#sockets, owner: String(cgroup.id) };
    if (!netns?.own) {
      return redirectByHooks({ netns: netns?.path ?? '', room, before: before?.resolver, keep });
    }
    const engaged = before?.engaged ?? false;
    const { kernel } = this;
    return redirectByNftables({ netns: netns.path, kernel, slot, room, engaged, keep });
  }

  #carry(id: number, path: string): void {
    const { missed } = this.kernel.keeping.carry(id, this.#options.members?.(path) ?? []);
    if (missed > 0)
      this.#options.fault(failure(errors.notCarried, { count: missed, cgroup: path }));
  }

  /** Maps of another layout are of no use once every living target stands in these. */
  #settle(): void {
    if (this.#settled || this.#known.waiting > 0) return;
    this.#settled = true;
    this.#early = [];
    this.kernel.keeping.settle();
    for (const owner of this.#sockets.owners()) {
      if (!this.#known.has(BigInt(owner))) this.#sockets.drop(owner);
    }
  }

  #keepEarly(events: readonly EventRecord[]): void {
    if (this.#settled) return;
    this.#early.push(...events.slice(0, EARLY_EVENTS - this.#early.length));
  }

  /**
   * The digest of the policy by which a process before this one held a cgroup that is not held again yet; empty
   * where nobody knows it. Undefined: it did not hold it.
   */
  before(cgroup: bigint): string | undefined {
    return this.#known.digestOf(cgroup);
  }

  /** All of those digests. */
  get digestsBefore(): readonly string[] {
    return this.#known.digests;
  }

  /** Queries that were taken and have no answer yet. */
  get answering(): number {
    return [...this.#held.values()].reduce((sum, { answering }) => sum + answering, 0);
  }

  close(): void {
    this.kernel.close();
  }
}

/** Whom a held target tells of its end. */
interface Told {
  /** It answers no more; what is attached stays. */
  stopped(): void;
  /** Its cgroup is gone, and the kernel has forgotten it. */
  gone(): void;
}

export class HeldTarget {
  readonly target: Target;
  readonly rows: RowTable;
  readonly resolver: Resolver;
  /** Queries that were taken and have no answer yet. */
  answering = 0;
  readonly #kernel: Kernel;
  readonly #fault: (error: unknown) => void;
  readonly #told: Told;
  readonly #servers: Listening[] = [];
  readonly #labels: TargetLabels;
  readonly #since = Date.now();

  constructor(
    kernel: Kernel,
    target: Target,
    options: HoldOptions,
    engine: Pick<EngineOptions, 'version' | 'fault'>,
    told: Told,
  ) {
    this.#kernel = kernel;
    this.target = target;
    this.#fault = engine.fault;
    this.#told = told;
    this.#labels = options.labels;
    const booted = BigInt(Date.now()) * MS_IN_NS - native().bootTime();
    this.rows = new RowTable({
      kernel,
      target,
      labels: options.labels,
      searches: options.searches ?? [],
      now: Date.now,
      wallTime: (boot) => Number((booted + boot) / MS_IN_NS),
      outside: options.outside,
      ...(options.partName && { partName: options.partName }),
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
    const answer = async (...query: Parameters<Resolver['handle']>) => {
      this.answering++;
      try {
        return await this.resolver.handle(...query);
      } finally {
        this.answering--;
      }
    };
    const fault = this.#fault;
    for (const { kind, fd } of redirect.take()) {
      const options = { where: { fd, family: kind.endsWith('6') ? 6 : 4 }, answer, fault } as const;
      const listen = kind.startsWith('udp') ? listenByUdp : listenByTcp;
      this.#servers.push(await listen(options));
    }
  }

  /** Another policy, at once. Throws with the one before still in force. */
  setPolicy(policy: CompiledPolicy): void {
    this.rows.settle();
    this.target.setPolicy(policy);
    this.resolver.policyChanged();
  }

  /** Verdicts that found no room for a row of their own. */
  overflow(): { refused: number; allowed: number } {
    const { refused, allowed } = this.#kernel.overflow(this.target.spec.slot);
    return { refused: refused + this.rows.overflow, allowed };
  }

  #beyondRows(): readonly EgressEvent[] {
    const { refused } = this.overflow();
    const { mode } = this.target.policy;
    const times = { since: this.#since, now: Date.now() };
    const row = overflowRow({ labels: this.#labels, mode, refused, ...times });
    return row === undefined ? [] : [row];
  }

  /** Stops answering. What is attached and pinned goes on refusing. */
  async close(): Promise<void> {
    this.#told.stopped();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** The cgroup is gone: its last rows, and nothing of it stays in the kernel. */
  async end(): Promise<readonly EgressEvent[]> {
    await this.close();
    const rows = [...this.rows.finish(), ...this.#beyondRows()];
    this.#kernel.deleteRows(this.target.spec.id);
    this.target.end();
    this.#told.gone();
    return rows;
  }
}
