/** Who has to say something new after a bundle was built. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { Key } from '#kube/index.ts';
import type { Parts } from '../parts.ts';
import type { BindingState } from '../state.ts';

/** Objects of which something else is to be said, pieces that are not needed any more, nodes. */
export function wakeAfterBuild(
  parts: Parts,
  binding: Key,
  before: BindingState,
  after: BindingState,
): void {
  const { cluster } = parts;
  const titles = new Set([...before.seen.keys(), ...after.seen.keys()]);
  const everyone = changedAround(before, after);
  const { unsaid } = parts.state;
  for (const title of titles.union(unsaid)) {
    if (everyone || unsaid.has(title) || changed(before, after, title)) wakeTitle(parts, title);
  }
  unsaid.clear();
  for (const piece of before.inForce?.pieces ?? []) {
    if (!after.inForce?.pieces.includes(piece)) cluster.bundles.wake(piece);
  }
  if ((before.inForce === null) !== (after.inForce === null)) wakeNodes(parts);
  const own = `RunnerBinding ${binding}`;
  if (before.seen.get(own) === after.seen.get(own)) return;
  // Whether they govern the same pods may have changed.
  for (const { metadata } of cluster.bindings()) {
    cluster.runnerBindings.wake(`${metadata.namespace}/${metadata.name}`);
  }
}

function changed(before: BindingState, after: BindingState, title: string): boolean {
  return (
    before.seen.get(title) !== after.seen.get(title) ||
    before.refused.get(title)?.message !== after.refused.get(title)?.message ||
    before.inForce?.documents.get(title) !== after.inForce?.documents.get(title)
  );
}

/** Trust and ceilings say what has an effect in all policies. */
function changedAround(before: BindingState, after: BindingState): boolean {
  const around = ({ inForce }: BindingState): readonly TorwachtDocument[] =>
    [...(inForce?.documents.values() ?? [])].filter(({ kind }) => kind !== 'EgressPolicy');
  return JSON.stringify(around(before)) !== JSON.stringify(around(after));
}

/** All of it, where it was not known before what there is. */
export function wakeAll({ cluster }: Parts): void {
  for (const kind of [
    cluster.policies,
    cluster.clusterEgressPolicies,
    cluster.nodes,
    cluster.bundles,
  ]) {
    for (const { metadata } of kind.cache.list()) {
      kind.wake(metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name);
    }
  }
  for (const { metadata } of cluster.nodeAgents.list()) cluster.nodes.wake(metadata.name);
}

export function wakeNodes({ cluster }: Parts): void {
  for (const { metadata } of cluster.nodes.cache.list()) cluster.nodes.wake(metadata.name);
}

/** @param title `EgressPolicy ci/web` */
export function wakeTitle({ cluster }: Parts, title: string): void {
  const [kind = '', key = ''] = title.split(' ');
  if (kind === 'EgressPolicy') cluster.policies.wake(key);
  if (kind === 'ClusterEgressPolicy') cluster.clusterEgressPolicies.wake(key);
  if (kind === 'RunnerBinding') cluster.runnerBindings.wake(key);
}
