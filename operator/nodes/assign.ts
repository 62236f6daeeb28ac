/** Which bindings a node must hold: all of them, for any node may be given a pod of each. */
import { maxBindings, type NodeAgentSpec } from '#api/node-agent.ts';
import type { StoredRunnerBinding } from '#api/stored.ts';
import { type Key, placeOf } from '#kube/index.ts';
import { headName } from '../reconcile/heads.ts';

/** The oldest, as many as a NodeAgent can name. */
export function assignedKeys(bindings: Iterable<StoredRunnerBinding>): ReadonlySet<Key> {
  const aged = [...bindings].map(({ metadata }) => ({
    key: `${metadata.namespace}/${metadata.name}`,
    created: metadata.creationTimestamp,
  }));
  aged.sort((a, b) => (`${a.created} ${a.key}` < `${b.created} ${b.key}` ? -1 : 1));
  return new Set(aged.slice(0, maxBindings).map(({ key }) => key));
}

/** @param keys of bindings that have a head */
export function specOf(keys: Iterable<Key>): NodeAgentSpec {
  const bindings = [...keys].sort().map((key) => {
    const { namespace = '', name } = placeOf(key);
    return { namespace, name, bundle: headName(key) };
  });
  return { bindings };
}
