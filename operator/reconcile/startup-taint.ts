/** Nodes that have just come: their startup taint goes when their agent is ready, once and for all. */
import type { ReconcileContext } from '#kube/index.ts';
import { isLiving } from '../cluster.ts';
import { saysReady, untaint } from '../nodes/startup-taint.ts';
import type { Parts } from '../parts.ts';
import { type Node, nodes } from '../resources.ts';
import { isOfAnother } from './nodes.ts';

/**
 * Nothing ever puts the taint there again: what an agent has pinned holds without it.
 *
 * @param untainted told of each node that is free of it
 */
export function reconcileStartupTaint(
  parts: Parts,
  key: string,
  untainted: (node: string) => void,
) {
  return async function startupTaint(context: ReconcileContext<Node>): Promise<void> {
    const { key: name, object: node, client, events } = context;
    const { outstanding } = parts.stateOf(client);
    const id = `Node ${name}`;
    if (node === undefined) outstanding.forget(id);
    if (node === undefined || !isLiving(node)) return;
    const patch = untaint(node.spec?.taints, key);
    if (patch === undefined) return;
    const agent = parts.cluster.nodeAgents.get(name);
    if (agent === undefined || isOfAnother(agent, node) || !saysReady(agent)) return;
    const over = node.metadata.resourceVersion;
    if (outstanding.has(id, over, key)) return;
    // Refused where another writer came first: the queue asks again, with the taints as they are then.
    await client.patch(nodes, { name }, patch, { type: 'json' });
    outstanding.add(id, over, key);
    untainted(name);
    events.record(nodes, node, {
      type: 'Normal',
      reason: 'StartupTaintRemoved',
      action: 'RemoveTaint',
      note: `The agent of this node is ready: the taint ${key} is taken off.`,
    });
  };
}
