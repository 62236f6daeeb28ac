/** What all reconcilers share. */
import type { ClusterEgressPolicy } from '#api/cluster-egress-policy.ts';
import type { Client, Clock, Key } from '#kube/index.ts';
import { selectsNamespace } from '#policy/namespace-selector.ts';
import { namespacesOf } from './bundles/world.ts';
import type { Cluster } from './cluster.ts';
import type { Pace } from './pace.ts';
import { State } from './state.ts';
import { Views } from './status/views.ts';

export class Parts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly views: Views;
  #client: Client | undefined;
  #state = new State();

  constructor(cluster: Cluster, clock: Clock, pace: Pace) {
    this.cluster = cluster;
    this.clock = clock;
    this.pace = pace;
    this.views = new Views(cluster);
  }

  /** The state of this reign: another client is another one, and others may have led in between. */
  stateOf(client: Client): State {
    if (client !== this.#client) {
      this.#client = client;
      this.#state = new State();
    }
    return this.#state;
  }

  /** The state of the last reign. */
  get state(): State {
    return this.#state;
  }

  /** Was every binding built? Until then nothing is said of what hangs on all of them. */
  get isComplete(): boolean {
    return this.cluster
      .bindings()
      .every(({ metadata }) => this.#state.bindings.has(`${metadata.namespace}/${metadata.name}`));
  }

  /** Something that these bindings are built from has changed. */
  invalidate(keys: Iterable<Key>): void {
    for (const key of keys) {
      this.#state.stale.add(key);
      this.cluster.runnerBindings.wake(key);
    }
  }

  /** Keys of bindings with a namespace that a cluster policy selects, as they are written and as they hold. */
  selectedBy({ spec }: Pick<ClusterEgressPolicy, 'spec'>): ReadonlySet<Key> {
    const selects = (namespace: string): boolean => {
      const labels = this.cluster.labelsOf(namespace) ?? {};
      return selectsNamespace(spec.namespaceSelector, namespace, labels) === 'yes';
    };
    const written = this.cluster.bindings().map((binding) => ({
      binding,
      key: `${binding.metadata.namespace}/${binding.metadata.name}`,
    }));
    const held = [...this.#state.bindings.keys()].flatMap((key) => {
      const binding = this.#state.bindingInForce(key);
      return binding === undefined ? [] : [{ binding, key }];
    });
    const selected = [...written, ...held].filter(({ binding }) =>
      namespacesOf(binding).some(selects),
    );
    return new Set(selected.map(({ key }) => key));
  }
}
