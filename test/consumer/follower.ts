/** An agent's consumer and reporter in this process, without a kernel below them. */
import type { TestContext } from 'node:test';
import { Consumer } from '#agent/cluster/consumer.ts';
import { Reporter } from '#agent/cluster/reporter.ts';
import type { Facts } from '#agent/cluster/status.ts';
import {
  type Clock,
  createClient,
  fromKubeconfig,
  type Observation,
  systemClock,
} from '#kube/index.ts';
import { documentTitle } from '#policy/title.ts';
import { waitFor } from '../cluster/wait.ts';
import type { Ground, Status } from './ground.ts';

/** Only ends what hangs, s. */
const PATIENCE = 40;

export interface FollowerPlan {
  readonly folder: string;
  /** Of caches, queue and reporter; requests have their own. */
  readonly clock?: Clock;
  readonly limit?: number;
}

export class Follower {
  readonly consumer: Consumer;
  readonly observations: Observation[] = [];
  /** Each time that something was put in force, or was to be said. */
  readonly changes: { readonly bindings: boolean }[] = [];
  readonly faults: unknown[] = [];
  facts: Partial<Facts> = {};
  refused: ReturnType<ConstructorParameters<typeof Consumer>[0]['refused']>;
  readonly #ground: Ground;
  readonly #stopped = new AbortController();
  readonly #reporter: Reporter;
  readonly #close: () => void;
  #running: Promise<unknown> = Promise.resolve();

  constructor(ground: Ground, kubeconfig: string, plan: FollowerPlan) {
    this.#ground = ground;
    const observe = (one: Observation) => void this.observations.push(one);
    const client = createClient(fromKubeconfig({ path: kubeconfig }), {
      fieldManager: 'torwacht-agent',
      observe,
    });
    this.#close = () => client.close();
    const { folder, clock = systemClock, limit } = plan;
    const { node } = ground;
    const fault = (error: unknown) => void this.faults.push(error);
    this.consumer = new Consumer({
      ...{ client, node, folder, clock, observe, fault },
      ...(limit === undefined ? {} : { limit }),
      changed: (what) => {
        this.changes.push(what);
        this.#reporter.nudge();
      },
      refused: () => this.refused,
    });
    this.#reporter = new Reporter({
      ...{ client, clock, fault },
      agent: () => this.consumer.agent,
      nodes: () => this.consumer.nodes,
      facts: () => ({
        version: '0.0.0',
        kernel: '6.1',
        capabilities: [],
        hostProblems: [],
        connected: true,
        left: false,
        pods: { enforced: 0, failed: 0 },
        ...this.facts,
        bindings: this.consumer.bindings(),
      }),
    });
  }

  /** From disk, then after the API server. */
  start(): this {
    this.consumer.open();
    const { signal } = this.#stopped;
    this.#running = Promise.all([this.consumer.run(signal), this.#reporter.run(signal)]);
    return this;
  }

  nudge(): void {
    this.#reporter.nudge();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    this.#close();
  }

  /** What is in force about the namespace, by title; undefined where nobody knows. */
  inForce(namespace = this.#ground.namespace): readonly string[] | undefined {
    return this.consumer.documents(namespace)?.map(documentTitle).sort();
  }

  /** Waits until just these policies are in force beside the bindings. */
  async untilPolicies(...names: readonly string[]): Promise<void> {
    const wanted = names.map((name) => `EgressPolicy ${this.#ground.namespace}/${name}`).sort();
    await waitFor(
      `in force: ${names.join(', ')}`,
      () =>
        JSON.stringify(this.inForce()?.filter((title) => title.startsWith('EgressPolicy'))) ===
        JSON.stringify(wanted),
      { everyMs: 20, seconds: PATIENCE },
    );
  }

  async untilStatus(what: string, is: (status: Status) => unknown): Promise<Status> {
    return waitFor(
      what,
      async () => {
        const status = await this.#ground.status();
        return is(status) ? status : undefined;
      },
      { everyMs: 100, seconds: PATIENCE },
    );
  }

  /** The entry of a binding, once it gives this reason. */
  async untilReason(name: string, reason: string | undefined) {
    const entry = (status: Status) => status.bindings?.find((one) => one.name === name);
    const is = (status: Status) => entry(status) && entry(status)?.reason === reason;
    return entry(await this.untilStatus(`${name} says ${reason}`, is));
  }

  /** How many pieces and heads were asked for by name. */
  get gets(): number {
    return this.observations.filter(
      (one) => one.type === 'request' && one.verb === 'get' && one.resource === 'policybundles',
    ).length;
  }

  /** How often a status was written. */
  get writes(): number {
    return this.observations.filter((one) => one.type === 'request' && one.verb === 'patch').length;
  }
}

/** As the agent of the ground's node; stopped when the test ends. */
export async function follow(
  t: TestContext,
  ground: Ground,
  plan: FollowerPlan,
): Promise<Follower> {
  const follower = new Follower(ground, await ground.kubeconfig(), plan).start();
  t.after(() => follower.stop());
  return follower;
}
