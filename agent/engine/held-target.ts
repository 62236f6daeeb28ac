/** One cgroup that is held: its rows, its resolver, and its end. */
import type { Kernel } from '#bpf/kernel.ts';
import { createResolver, type Resolver } from '#dns/resolver.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { overflowRow } from '../evidence/overflow.ts';
import { RowTable, type TargetLabels } from '../evidence/rows.ts';
import type { Told, ToldRow } from '../evidence/told-row.ts';
import type { Redirect } from '../redirect/redirect.ts';
import type { Listening } from '../resolver/listen.ts';
import { createRandom16 } from '../resolver/random.ts';
import { listenByTcp } from '../resolver/tcp-server.ts';
import { listenByUdp } from '../resolver/udp-server.ts';
import { defaultBudget } from '../target/budget.ts';
import type { Target } from '../target/target.ts';
import { attachedText } from './attached.ts';
import type { EngineOptions, HoldOptions } from './engine.ts';
import { type Last, lastRows, wallClock } from './lingering.ts';

/** Whom a held target tells of its end. */
export interface Owner {
  /** It answers no more; what is attached stays. */
  stopped(): void;
  /** Its cgroup is gone; the kernel may forget it when its last rows are kept. */
  linger(last: Last): void;
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
  readonly #owner: Owner;
  readonly #told: Told | undefined;
  readonly #servers: Listening[] = [];
  readonly #labels: TargetLabels;
  readonly #since = Date.now();

  constructor(
    kernel: Kernel,
    target: Target,
    options: HoldOptions,
    engine: Pick<EngineOptions, 'version' | 'fault'>,
    owner: Owner,
  ) {
    this.#kernel = kernel;
    this.target = target;
    this.#fault = engine.fault;
    this.#owner = owner;
    this.#told = options.told;
    this.#labels = options.labels;
    this.rows = new RowTable({
      kernel,
      target,
      labels: options.labels,
      searches: options.searches ?? [],
      now: Date.now,
      wallTime: wallClock(),
      outside: options.outside,
      ...(options.partName && { partName: options.partName }),
      toldOf: (row) => this.#told?.of(row) ?? 0,
      onRow: options.onRow,
      fault: engine.fault,
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

  #beyondRows(): readonly ToldRow[] {
    const { mode } = this.target.policy;
    const { slot, id } = this.target.spec;
    const row = overflowRow({
      ...{ labels: this.#labels, mode, since: this.#since, now: Date.now() },
      ...{ target: id, told: this.#told, elsewhere: this.rows.overflow },
      refused: this.#kernel.overflow(slot).refused,
    });
    return row === undefined ? [] : [row];
  }

  /** Stops answering. What is attached and pinned goes on refusing. */
  async close(): Promise<void> {
    this.#owner.stopped();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /**
   * The cgroup is gone: its last rows. Nothing of it stays in the kernel, once they are where no end of this
   * process takes them away.
   */
  async end(): Promise<readonly ToldRow[]> {
    await this.close();
    await this.rows.said();
    const rows = [...this.rows.finish(), ...this.#beyondRows()];
    const { target } = this;
    const { cgroup } = target.spec;
    const release = releaseOf(this.#kernel, target, this.#owner);
    const last = lastRows(this.#kernel, target.spec, this.#told);
    if (last === undefined) release();
    else this.#owner.linger({ ...last, cgroup: cgroup.id, digest: target.policy.digest, release });
    return rows;
  }
}

/** Apart from a held target, whose table of rows need not live on for it. */
function releaseOf(kernel: Kernel, target: Target, owner: Owner): () => void {
  return () => {
    kernel.deleteRows(target.spec.id);
    target.end();
    owner.gone();
  };
}
