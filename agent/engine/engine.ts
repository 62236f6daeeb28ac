/**
 * Holds cgroups. The order of `hold` is the promise: rules are in the kernel before a program is
 * attached, programs are attached before the resolver answers, and nobody runs in the cgroup before
 * `hold` has returned.
 */
import { failure } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import { allDone } from '#bpf/all-done.ts';
import type { KeptTarget } from '#bpf/kept-state.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { type HostLinksHandle, native } from '#bpf/native.ts';
import type { EventRecord } from '#bpf/records.ts';
import { dohAddresses } from '#policy/always-denied.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { taggedSockets } from '../cgroup/tags.ts';
import { errors } from '../errors.ts';
import type { PartName } from '../evidence/parts.ts';
import type { TargetLabels } from '../evidence/rows.ts';
import type { Part, Told } from '../evidence/told-row.ts';
import { noStore, type SocketStore } from '../parent/kept-sockets.ts';
import { redirectByHooks } from '../redirect/by-hooks.ts';
import { redirectByNftables } from '../redirect/by-nftables.ts';
import type { Redirect } from '../redirect/redirect.ts';
import type { ServerPool } from '../resolver/upstream.ts';
import { type Budget, defaultBudget } from '../target/budget.ts';
import { Numbers } from '../target/numbers.ts';
import { Target } from '../target/target.ts';
import { type Burial, bury } from './bury.ts';
import { HeldTarget } from './held-target.ts';
import { KnownTargets } from './known.ts';
import { Lingering } from './lingering.ts';

export interface EngineOptions {
  readonly slots: number;
  readonly version: string;
  /** Told of what went wrong with one query or client; holding goes on. */
  fault(error: unknown): void;
  /** Ids of all cgroups there are, where targets may outlive this process. */
  living?(): ReadonlySet<bigint>;
  /** Processes in a cgroup and below: whose sockets are carried to maps of another layout. */
  members?(cgroup: string): readonly number[];
  /** `bury` will be called: until then what the process before left of dead targets stays. */
  readonly buries?: boolean;
  /** Who keeps the resolvers' sockets beyond this process. */
  readonly sockets?: SocketStore;
}

export interface HoldOptions {
  readonly cgroup: { readonly path: string; readonly id: bigint; readonly level: number };
  readonly policy: CompiledPolicy;
  /** What a process before this one held it by, where somebody remembers it: rows name its rules. */
  readonly former?: CompiledPolicy | undefined;
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
  /** What outputs have of the rows of processes before this one, and of this. */
  readonly told?: Told;
  onRow(event: EgressEvent, parts: readonly Part[]): void;
  /** Is this process one that runs the target rather than a part of it? */
  outside(pid: number): boolean;
  /** Whose cgroup right below the target's is called so; a row says it as its container. */
  partName?(cgroup: string): PartName;
}

/** Room for a common query, beside what the kernel adds. */
const QUERY_BYTES = 1024;
/** What comes on top is told with the last counts. */
const EARLY_EVENTS = 4096;

export class Engine {
  readonly kernel: Kernel;
  readonly #options: EngineOptions;
  readonly #sockets: SocketStore;
  readonly #numbers: Numbers;
  readonly #known: KnownTargets;
  readonly #held = new Map<number, HeldTarget>();
  readonly #lingering = new Lingering();
  /** Of whoever has targets with a network namespace of their own. */
  #hostLinks: HostLinksHandle | undefined;
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
    if (options.buries !== true) this.#known.dropDead();
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
    this.#lingering.release(cgroup.id);
    const { slot, before } = this.#known.place(cgroup.id, cgroup.level);
    const budget = { ...defaultBudget, ...options.budget };
    let redirect: Redirect | undefined;
    let target: Target | undefined;
    try {
      redirect = await this.#redirect(options, slot, budget.queryBurst * QUERY_BYTES, before);
      const id = before?.id ?? this.#numbers.nextTarget();
      const { former } = options;
      const spec = { slot, id, cgroup, place: redirect.place, budget, before, former };
      const { levels } = this.#known;
      target = new Target(this.kernel, this.#numbers, spec, options.policy, levels);
      if (before?.carried) this.#carry(id, cgroup.path);
      this.kernel.keeping.labels(slot, JSON.stringify(options.labels));
      const held = this.#attend(target, options, redirect);
      await allDone([this.kernel.attachCgroup(cgroup.path, options.pins), redirect.engage()]);
      if (before) this.#goOn(held, before);
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
      linger: (last) => this.#lingering.add(last),
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
    this.#hostLinks ??= native().hostLinks();
    return redirectByNftables({
      ...{ netns: netns.path, hostLinks: this.#hostLinks },
      ...{ kernel, slot, room, engaged, keep },
    });
  }

  #carry(id: number, path: string): void {
    const { missed } = this.kernel.keeping.carry(id, this.#options.members?.(path) ?? []);
    if (missed > 0)
      this.#options.fault(failure(errors.notCarried, { count: missed, cgroup: path }));
  }

  /** With the rows of the process before: nothing counts in its maps any more. */
  #goOn({ rows }: HeldTarget, { carried, id, slot }: KeptTarget): void {
    try {
      if (carried) this.kernel.keeping.carryRows(id, slot);
    } catch (error) {
      this.#options.fault(error);
    }
    rows.recall();
    rows.find();
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

  /** All of those digests, and of what has ended but lingers. */
  get digestsBefore(): readonly string[] {
    return [...this.#known.digests, ...this.#lingering.digests];
  }

  /** Ids of targets that a process before this one held and that are not held again yet. */
  get targetsBefore(): ReadonlySet<number> {
    return this.#known.ids;
  }

  /** Tells what is untold of targets that a process before this one held and whose cgroup is gone. */
  async bury(burial: Burial): Promise<void> {
    for (const before of this.#known.claimDead()) {
      const { cgroup } = before;
      const release = () => {
        this.#known.drop(cgroup);
        this.#settle();
      };
      const last = await bury(this.kernel, before, burial).catch(this.#options.fault);
      if (last === undefined) release();
      else this.#lingering.add({ ...last, release });
    }
  }

  /** Queries that were taken and have no answer yet. */
  get answering(): number {
    return [...this.#held.values()].reduce((sum, { answering }) => sum + answering, 0);
  }

  close(): void {
    this.#lingering.close();
    this.kernel.close();
  }
}
