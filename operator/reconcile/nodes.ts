/** Nodes: each has a NodeAgent of its name, that says which bindings it must hold. */
import type { NodeAgentSpec } from '#api/node-agent.ts';
import type { StoredNodeAgent } from '#api/stored.ts';
import { apiVersion } from '#api/version.ts';
import {
  type Client,
  isKubeError,
  type Key,
  type KubeObject,
  ownerReference,
  type ReconcileContext,
} from '#kube/index.ts';
import { canonical } from '#policy/bundle/content.ts';
import { isLiving } from '../cluster.ts';
import { assignedKeys, specOf } from '../nodes/assign.ts';
import type { Parts } from '../parts.ts';
import { type Kept, type Node, nodeAgents, nodes } from '../resources.ts';
import type { State } from '../state.ts';
import { deleteExactly } from './delete.ts';
import { headName } from './heads.ts';

export function reconcileNode(parts: Parts) {
  return async ({ key, object, client }: ReconcileContext<Node>): Promise<void> => {
    const state = parts.stateOf(client);
    const agent = parts.cluster.nodeAgents.get(key);
    if (object !== undefined) {
      // What the machine before said is nothing that this one says.
      if (agent !== undefined && isOfAnother(agent, object)) {
        await deleteExactly(client, nodeAgents, agent);
      } else if (parts.isComplete) await assign(parts, state, object, client);
    } else if (agent !== undefined && isLiving(agent)) {
      await deleteExactly(client, nodeAgents, agent);
    }
  };
}

/** Was it made for another machine that had the same name? */
export function isOfAnother(agent: KubeObject, node: KubeObject): boolean {
  const of = nodeUidOf(agent);
  return of !== undefined && of !== node.metadata.uid;
}

/** Undefined for one that an older operator made. */
function nodeUidOf({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ kind }) => kind === nodes.kind)?.uid;
}

async function assign(parts: Parts, state: State, node: Node, client: Client): Promise<void> {
  const { name } = node.metadata;
  const agent = parts.cluster.nodeAgents.get(name);
  const spec = specOf(bindingsToHold(parts, state));
  const saying = canonical(spec);
  const owned = agent !== undefined && nodeUidOf(agent) !== undefined;
  if (owned && canonical(agent.spec) === saying) return;
  const over = agent?.metadata.resourceVersion;
  const id = `NodeAgent ${name}`;
  if (state.outstanding.has(id, over, saying)) return;
  if (agent === undefined) await create(client, node, spec);
  else await client.patch(nodeAgents, { name }, owned ? { spec } : { ...ownedBy(node), spec });
  state.outstanding.add(id, over, saying);
}

/** It goes with its node, whoever is there to delete it. */
function ownedBy(node: Node) {
  const ownerReferences = [
    ownerReference(nodes, node, { controller: false, blockOwnerDeletion: false }),
  ];
  return { metadata: { ownerReferences } };
}

/** All that have a head, be it one that could not be built anew. */
function bindingsToHold({ cluster }: Parts, state: State): readonly Key[] {
  const assigned = assignedKeys(cluster.bindings());
  const hasHead = (key: Key): boolean => cluster.bundles.cache.get(headName(key)) !== undefined;
  return [...state.bindings]
    .filter(([key, { inForce }]) => assigned.has(key) && (inForce !== null || hasHead(key)))
    .map(([key]) => key);
}

/** Not applied server-side: that takes the spec away with the last entry of its list. */
async function create(client: Client, node: Node, spec: NodeAgentSpec): Promise<void> {
  const { name } = node.metadata;
  const owned = ownedBy(node);
  const metadata = { name, ...owned.metadata } as Kept<StoredNodeAgent>['metadata'];
  try {
    await client.create(nodeAgents, { apiVersion, kind: 'NodeAgent', metadata, spec });
  } catch (error) {
    if (!isKubeError(error, 'KUBE_ALREADY_EXISTS')) throw error;
    await client.patch(nodeAgents, { name }, { ...owned, spec });
  }
}
