/** Which change of the cluster concerns which objects. */
import type { StoredNodeAgent, StoredPolicyBundle } from '#api/stored.ts';
import type { Change, Key, KubeObject } from '#kube/index.ts';
import { canonical } from '#policy/bundle/content.ts';
import { isLiving } from './cluster.ts';
import { saysReady } from './nodes/startup-taint.ts';
import type { Parts } from './parts.ts';
import { bindingOfHead, headName } from './reconcile/heads.ts';
import { wakeTitle } from './reconcile/wake.ts';
import type { Kept } from './resources.ts';
import { isSettled } from './status/standing.ts';
import { heldBy } from './status/views.ts';

/** Bindings are built from policies, cluster policies and labels of namespaces. */
export function followObjects(parts: Parts): void {
  const { cluster } = parts;
  cluster.runnerBindings.cache.subscribe((change) => {
    if (specChanged(change)) parts.invalidate([change.key]);
  });
  cluster.policies.cache.subscribe((change) => {
    const { namespace = '' } = (change.object ?? change.old)?.metadata ?? {};
    if (specChanged(change)) parts.invalidate(concerned(parts, namespace));
  });
  cluster.clusterEgressPolicies.cache.subscribe((change) => {
    if (!specChanged(change)) return;
    for (const policy of [change.object, change.old]) {
      if (policy !== undefined) parts.invalidate(parts.selectedBy(policy));
    }
  });
  cluster.namespaces.cache.subscribe(({ key, object, old }) => {
    const labels = (one: KubeObject | undefined): string => canonical(one?.metadata.labels ?? {});
    if (labels(object) === labels(old)) return;
    parts.invalidate(concerned(parts, key));
    // Whom they are about may have changed, down to nobody.
    for (const { metadata } of cluster.clusterPolicies()) {
      cluster.clusterEgressPolicies.wake(metadata.name);
    }
  });
}

/** Status, and what others write, do not count; nor does a list that shows the same again. */
function specChanged({ object, old }: Change<KubeObject>): boolean {
  if (object === undefined || old === undefined) return true;
  return (
    object.metadata.generation !== old.metadata.generation || isLiving(object) !== isLiving(old)
  );
}

/** Bindings of a namespace, by what they say now and by what of them is in force. */
function concerned({ cluster, state }: Parts, namespace: string): ReadonlySet<Key> {
  const written = cluster.bindingsOf(namespace).map(bindingKey);
  return new Set([...written, ...state.about(namespace)]);
}

function bindingKey({ metadata }: { metadata: { namespace?: string | undefined; name: string } }) {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Bundles are as they were written, whatever happens to them. */
export function followBundles(parts: Parts): void {
  parts.cluster.bundles.cache.subscribe((change) => {
    if (change.object === undefined) parts.state.outstanding.forget(change.key);
    const last = change.object ?? change.old;
    const binding = last === undefined ? undefined : bindingOfHead(last);
    if (binding !== undefined) followHead(parts, binding, change);
    else if (change.object === undefined) parts.invalidate(parts.state.naming(change.key));
  });
}

function followHead(
  parts: Parts,
  binding: Key,
  { key, object, old }: Change<Kept<StoredPolicyBundle>>,
): void {
  const { bindings, coming } = parts.state;
  const written = bindings.get(binding)?.inForce?.head;
  const found = object === undefined ? '' : canonical(object.spec);
  const known = [written, coming.get(binding)?.head];
  if (written !== undefined && key === headName(binding) && !known.includes(found)) {
    parts.invalidate([binding]);
  }
  // They were looked at when this was built; but then the head still named them.
  const named = object?.spec.head?.pieces ?? [];
  for (const piece of old?.spec.head?.pieces ?? []) {
    if (!named.includes(piece)) parts.cluster.bundles.wake(piece);
  }
}

/** What nodes say is folded into statuses, many reports at once. */
export function followNodes(parts: Parts): void {
  const { cluster, pace } = parts;
  const progressed = new Set<Key>();
  const gather = gathered(parts, pace.gather, () => {
    for (const binding of progressed) tellOf(parts, binding);
    progressed.clear();
  });
  const gatherNodes = gathered(parts, pace.gatherNodes, () => {
    for (const binding of cluster.bindings()) cluster.runnerBindings.wake(bindingKey(binding));
  });
  cluster.nodeAgents.subscribe(({ key, object, old }) => {
    if (object === undefined) parts.state.outstanding.forget(`NodeAgent ${key}`);
    if (object?.metadata.generation !== old?.metadata.generation) cluster.nodes.wake(key);
    else if (saysReady(object) && !saysReady(old)) cluster.nodes.wake(key);
    for (const binding of differing(object, old)) progressed.add(binding);
    if (progressed.size > 0) gather();
  });
  cluster.nodes.cache.subscribe(({ object, old }) => {
    if (canonical(object?.status ?? null) !== canonical(old?.status ?? null)) gatherNodes();
  });
}

/** Bindings of which a node says something else than before. */
function differing(
  object: StoredNodeAgent | undefined,
  old: StoredNodeAgent | undefined,
): readonly Key[] {
  const now = heldBy(object);
  const before = heldBy(old);
  if (now === before) return [];
  const keys = new Set([...(now?.keys() ?? []), ...(before?.keys() ?? [])]);
  return [...keys].filter((binding) => {
    const [a, b] = [now?.get(binding), before?.get(binding)];
    return a?.digest !== b?.digest || a?.reason !== b?.reason;
  });
}

/** The binding, and of its policies those that are not in force everywhere yet. */
function tellOf(parts: Parts, binding: Key): void {
  parts.cluster.runnerBindings.wake(binding);
  for (const title of parts.state.bindings.get(binding)?.inForce?.documents.keys() ?? []) {
    if (!isSettled(parts.cluster.find(title))) wakeTitle(parts, title);
  }
}

/** Calls once, so long after the first of several requests. */
function gathered({ clock }: Parts, ms: number, call: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    clock.after(ms, () => {
      waiting = false;
      call();
    });
  };
}
