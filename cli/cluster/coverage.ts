/** Is what was found in the objects in force on the nodes? */
import type { TorwachtDocument } from '#api/documents.ts';
import { type Cluster, ifAllowed, ifThere } from './cluster.ts';
import { byPlace, type Live, objectOf } from './live.ts';
import { agents } from './resources.ts';
import { type Behind, behind, type Listed, listed } from './standing.ts';
import type { Subject } from './subject.ts';

export interface Coverage {
  /** Is the last generation of each object in force on every ready node? */
  readonly everywhere: boolean;
  /** The objects of which it is not. */
  readonly behind: readonly Listed[];
  /** The pod's own node; null without a pod, or where its state may not be read. */
  readonly node: { readonly name: string; readonly behind: readonly Behind[] } | null;
}

/** @param documents those that hold for the subject */
export async function readCoverage(
  cluster: Cluster,
  live: Live,
  subject: Subject,
  documents: readonly TorwachtDocument[],
): Promise<Coverage> {
  const objects = documents.flatMap((document) => objectOf(live, document) ?? []).map(listed);
  const late = objects.filter(({ ready }) => ready !== 'True');
  const node = subject.node === null ? null : await readNode(cluster, live, subject.node);
  return { everywhere: late.length === 0, behind: late, node };
}

async function readNode(cluster: Cluster, live: Live, name: string): Promise<Coverage['node']> {
  const asked = ifThere(cluster.get(agents, { name }));
  const agent = await ifAllowed(asked, []);
  if (agent === null) return null;
  if (agent !== undefined) return { name, behind: behind(agent, byPlace(live.bindings)) };
  const message = 'The node has no NodeAgent: no agent is known to hold anything there.';
  return { name, behind: [{ binding: '', reason: 'NoAgent', message }] };
}
