/** What the operator watches, kept small, and read as the pure functions want it. */
import type { StoredNodeAgent, StoredPolicyBundle } from '#api/stored.ts';
import { type KubeObject, type Operator, withoutManagedFields } from '#kube/index.ts';
import { sha256 } from '#policy/bundle/content.ts';
import type { Labels } from '#policy/namespace-selector.ts';
import { namespacesOf, type World } from './bundles/world.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  type Kept,
  type Node,
  namespaces,
  nodeAgents,
  nodes,
  policyBundles,
  runnerBindings,
  violations,
} from './resources.ts';
import { Shared } from './shared.ts';

export interface ClusterOptions {
  /** Labels that a Node must have to run an agent, as the agent's DaemonSet selects them. */
  readonly nodeSelector: string;
  /** Key of the taint that comes off a node once its agent is ready; none is touched where it is left out. */
  readonly startupTaint?: string | undefined;
}

const NAMESPACE = 'namespace';

/** The kinds that are handled, and what these depend on. */
export class Cluster implements World {
  readonly policies;
  readonly clusterEgressPolicies;
  readonly runnerBindings;
  readonly bundles;
  readonly nodes;
  readonly nodeAgents;
  readonly namespaces;
  readonly violations;
  readonly startupTaint: string | undefined;

  constructor(operator: Operator, { nodeSelector, startupTaint }: ClusterOptions) {
    this.startupTaint = startupTaint;
    const tainting = startupTaint !== undefined;
    this.policies = operator.kind(egressPolicies, {
      indexes: { [NAMESPACE]: ({ metadata }) => [metadata.namespace ?? ''] },
    });
    this.clusterEgressPolicies = operator.kind(clusterEgressPolicies);
    this.runnerBindings = operator.kind(runnerBindings, {
      indexes: { [NAMESPACE]: namespacesOf },
    });
    this.bundles = operator.kind(policyBundles, { transform: withoutContent });
    this.nodes = operator.kind(nodes, {
      labelSelector: nodeSelector,
      transform: tainting ? withTaints : onlyReadiness,
    });
    const shared = new Shared();
    this.nodeAgents = operator.cache(nodeAgents, {
      transform: (agent) => told(agent, shared, tainting),
    });
    this.namespaces = operator.kind(namespaces, { transform: onlyLabels });
    // Each write waits for an answer, and rows wait for writes.
    this.violations = operator.kind(violations, {
      concurrency: 8,
      indexes: { [NAMESPACE]: ({ metadata }) => [metadata.namespace ?? ''] },
    });
  }

  violationsIn(namespace: string) {
    return this.violations.cache.by(NAMESPACE, namespace);
  }

  policiesIn(namespace: string) {
    return living(this.policies.cache.by(NAMESPACE, namespace));
  }

  clusterPolicies() {
    return living(this.clusterEgressPolicies.cache.list());
  }

  bindings() {
    return living(this.runnerBindings.cache.list());
  }

  /** Bindings whose pods, as they are written now, are in a namespace. */
  bindingsOf(namespace: string) {
    return living(this.runnerBindings.cache.by(NAMESPACE, namespace));
  }

  /** @param title as `documentTitle` gives it */
  find(title: string) {
    const [kind = '', key = ''] = title.split(' ');
    if (kind === 'EgressPolicy') return this.policies.cache.get(key);
    if (kind === 'ClusterEgressPolicy') return this.clusterEgressPolicies.cache.get(key);
    return this.runnerBindings.cache.get(key);
  }

  /** Those that have the startup taint still. */
  tainted(): readonly Node[] {
    const key = this.startupTaint;
    if (key === undefined) return [];
    return [...this.nodes.cache.list()].filter(({ spec }) =>
      spec?.taints?.some((taint) => taint.key === key),
    );
  }

  labelsOf(namespace: string): Labels | undefined {
    const object = this.namespaces.cache.get(namespace);
    return object === undefined ? undefined : (object.metadata.labels ?? {});
  }
}

/** Whoever deletes an object wants it gone now, whatever others still do with it. */
export function isLiving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

function living<T extends KubeObject>(objects: Iterable<T>): readonly T[] {
  return [...objects].filter(isLiving);
}

/** Stands for the content of a piece, which only nodes read. */
export const INTACT = '[]';

/**
 * A piece that is not what its name says keeps its content. Of a head only what it means stays, and not what
 * makes it quicker: it is not written anew because of that.
 */
function withoutContent(bundle: Kept<StoredPolicyBundle>): Kept<StoredPolicyBundle> {
  const { piece, head } = bundle.spec;
  if (head !== undefined) {
    const { brings: _, nodes: __, ...meant } = head;
    return withoutManagedFields({ ...bundle, spec: { head: meant } });
  }
  if (piece === undefined || sha256(piece.content) !== bundle.metadata.name) {
    return withoutManagedFields(bundle);
  }
  return withoutManagedFields({ ...bundle, spec: { piece: { content: INTACT } } });
}

/** Of what an agent says, which heads it holds; and whether it is ready, where somebody asks for that. */
function told(
  agent: Kept<StoredNodeAgent>,
  shared: Shared,
  andReady: boolean,
): Kept<StoredNodeAgent> {
  const { managedFields: _, ...metadata } = agent.metadata;
  const { observedGeneration, bindings, conditions } = agent.status ?? {};
  const ready = andReady ? conditions?.filter(({ type }) => type === 'Ready') : undefined;
  const said = {
    ...(ready === undefined ? {} : { conditions: ready }),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...(bindings === undefined ? {} : { bindings: shared.one(bindings) }),
  };
  return {
    metadata,
    kind: agent.kind,
    apiVersion: agent.apiVersion,
    spec: shared.one(agent.spec),
    status: said,
  };
}

function withTaints(node: Node): Node {
  const { creationTimestamp } = node.metadata;
  const { metadata, status } = onlyReadiness(node);
  const { taints } = node.spec ?? {};
  return {
    metadata: { ...metadata, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    ...(taints === undefined ? {} : { spec: { taints } }),
    ...(status === undefined ? {} : { status }),
  };
}

function onlyReadiness({ metadata, status }: Node): Node {
  const { name, uid, resourceVersion, labels } = metadata;
  const conditions = (status?.conditions ?? [])
    .filter(({ type }) => type === 'Ready')
    .map(({ type, status: state }) => ({ type, status: state }));
  return { metadata: bareMetadata({ name, uid, resourceVersion, labels }), status: { conditions } };
}

function onlyLabels({ metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion, labels } = metadata;
  return { metadata: bareMetadata({ name, uid, resourceVersion, labels }) };
}

function bareMetadata(fields: {
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}): KubeObject['metadata'] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as KubeObject['metadata'];
}
