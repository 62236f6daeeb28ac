/** What the status of an object says about its last generation, and nothing about an older one. */
import type { Condition } from '#api/condition.ts';
import type { NodeCounts, WaitingNodes } from '#api/status.ts';
import { documentTitle } from '#policy/title.ts';
import type { Agent, Binding, ClusterPolicy, Policy } from './resources.ts';

export interface Standing {
  readonly ready: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

interface Told {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number | undefined;
    readonly conditions?: readonly Condition[] | undefined;
  };
}

/** @param by who writes the status */
export function standingOf({ metadata, status }: Told, by: string): Standing {
  const { generation } = metadata;
  const seen = status?.observedGeneration;
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  if (seen === undefined || condition === undefined) {
    return unknown(`${by} has not read it yet: is it running?`);
  }
  if (seen < generation) {
    return unknown(`${by} has read generation ${seen}, and it is at ${generation}.`);
  }
  const { status: ready, reason, message } = condition;
  return { ready, reason, message };
}

function unknown(message: string): Standing {
  return { ready: 'Unknown', reason: 'NotObserved', message };
}

/** A policy or a binding as it is listed, in any form. */
export interface Listed extends Standing {
  readonly kind: 'EgressPolicy' | 'ClusterEgressPolicy' | 'RunnerBinding';
  readonly namespace: string | null;
  readonly name: string;
  readonly title: string;
  readonly generation: number;
  readonly created: string;
  readonly nodes: NodeCounts | null;
  /** Ready nodes that do not hold it, by reason. */
  readonly waiting: readonly WaitingNodes[];
}

export function listed(object: Policy | ClusterPolicy | Binding): Listed {
  const { kind, metadata, status } = object;
  const standing = standingOf(object, 'The operator');
  const current = standing.reason !== 'NotObserved';
  return {
    kind,
    namespace: metadata.namespace ?? null,
    name: metadata.name,
    title: documentTitle(object),
    generation: metadata.generation,
    created: metadata.creationTimestamp,
    ...standing,
    nodes: (current ? status?.nodes : undefined) ?? null,
    waiting: (current ? status?.waiting : undefined) ?? [],
  };
}

/** A binding that a node has to hold, and does not. */
export interface Behind {
  readonly binding: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * What a node does not hold of what it has to. A binding that was never compiled is held by nobody, and its
 * own standing says so.
 *
 * @param bindings those that are asked about, by namespace and name
 */
export function behind(agent: Agent, bindings: ReadonlyMap<string, Binding>): readonly Behind[] {
  const held = new Map(agent.status?.bindings?.map((one) => [`${one.namespace}/${one.name}`, one]));
  return (agent.spec.bindings ?? []).flatMap(({ namespace, name }) => {
    const key = `${namespace}/${name}`;
    const digest = bindings.get(key)?.status?.bundle?.digest;
    const entry = held.get(key);
    if (digest === undefined || entry?.digest === digest) return [];
    if (entry?.reason !== undefined) {
      return [{ binding: key, reason: entry.reason, message: entry.message ?? '' }];
    }
    return [{ binding: key, ...(agent.status === undefined ? silent : updating(entry?.digest)) }];
  });
}

const silent = { reason: 'AgentSilent', message: 'The agent of the node has not said anything.' };

function updating(digest: string | undefined) {
  return digest === undefined
    ? { reason: 'Starting', message: 'It holds nothing of it yet.' }
    : { reason: 'Updating', message: 'It holds what was in force before.' };
}
