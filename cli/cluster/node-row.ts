/** A node, as its agent and Kubernetes speak of it. */
import type { Condition } from '#api/condition.ts';
import type { Agent, Binding, Node } from './resources.ts';
import { type Behind, behind, type Standing, standingOf } from './standing.ts';

export interface NodeRow extends Standing {
  readonly name: string;
  /** Does Kubernetes say that the node is Ready? Null where that may not be read, or it does not exist. */
  readonly nodeReady: boolean | null;
  /** Bindings that it has to hold, of those that are asked about. */
  readonly assigned: number;
  readonly behind: readonly Behind[];
  readonly conditions: readonly Condition[];
  /** Of kernel and node, what is not there. */
  readonly lacks: readonly { readonly name: string; readonly message: string | null }[];
  readonly enforced: number | null;
  readonly failed: number | null;
  readonly version: string | null;
  readonly kernel: string | null;
  readonly created: string;
}

export function nodeRow(
  agent: Agent,
  bindings: ReadonlyMap<string, Binding>,
  ready: ReadonlyMap<string, boolean> | null,
): NodeRow {
  const { metadata, spec, status } = agent;
  const assigned = (spec.bindings ?? []).filter(({ namespace, name }) =>
    bindings.has(`${namespace}/${name}`),
  );
  return {
    name: metadata.name,
    nodeReady: ready?.get(metadata.name) ?? null,
    ...standingOf(agent, 'The agent'),
    assigned: assigned.length,
    behind: behind(agent, bindings),
    conditions: status?.conditions ?? [],
    lacks: (status?.capabilities ?? [])
      .filter(({ available }) => !available)
      .map(({ name, message }) => ({ name, message: message ?? null })),
    enforced: status?.pods?.enforced ?? null,
    failed: status?.pods?.failed ?? null,
    version: status?.version ?? null,
    kernel: status?.kernel ?? null,
    created: metadata.creationTimestamp,
  };
}

/** By name; null where nodes may not be read. */
export function readyNodes(nodes: readonly Node[] | null): ReadonlyMap<string, boolean> | null {
  if (nodes === null) return null;
  return new Map(
    nodes.map(({ metadata, status }) => {
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      return [metadata.name, ready?.status === 'True'] as const;
    }),
  );
}
