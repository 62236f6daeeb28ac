/** Nodes and their agents, as statuses are folded from them. */
import type { StoredNodeAgent } from '#api/stored.ts';
import type { Cluster } from '../cluster.ts';
import type { Held, NodeView } from './fold.ts';

export class Views {
  readonly #cluster: Cluster;
  #all: readonly NodeView[] | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.nodes.cache.subscribe(() => this.#forget());
    cluster.nodeAgents.subscribe(() => this.#forget());
  }

  #forget(): void {
    this.#all = undefined;
  }

  all(): readonly NodeView[] {
    this.#all ??= [...this.#cluster.nodes.cache.list()].map(({ metadata, status }) => ({
      name: metadata.name,
      ready: status?.conditions?.some(({ status: state }) => state === 'True') === true,
      held: heldBy(this.#cluster.nodeAgents.get(metadata.name)),
    }));
    return this.#all;
  }
}

type Said = NonNullable<NonNullable<StoredNodeAgent['status']>['bindings']>;

/** Nodes that say the same share it. */
const helds = new WeakMap<Said, ReadonlyMap<string, Held>>();
const NOTHING: ReadonlyMap<string, Held> = new Map();

/** By the key of a binding; undefined while the agent has said nothing. */
export function heldBy(agent: StoredNodeAgent | undefined): ReadonlyMap<string, Held> | undefined {
  if (agent?.status?.observedGeneration === undefined) return undefined;
  const { bindings } = agent.status;
  if (bindings === undefined) return NOTHING;
  const known = helds.get(bindings);
  if (known !== undefined) return known;
  const entries = bindings.map(
    ({ namespace, name, digest, reason, message }) =>
      [`${namespace}/${name}`, { digest, reason, message }] as const,
  );
  const held = new Map<string, Held>(entries);
  helds.set(bindings, held);
  return held;
}
