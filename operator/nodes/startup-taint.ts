/** Pure: the taint of nodes that have just come, and when it may be taken off. */
import type { StoredNodeAgent } from '#api/stored.ts';
import type { Taint } from '../resources.ts';

/** As the field names them: `node.cilium.io/agent-not-ready`, `ebs.csi.aws.com/agent-not-ready`. */
export const STARTUP_TAINT = 'torwacht.io/agent-not-ready';

/**
 * Taints with these prefixes the Cluster Autoscaler leaves out when it judges what a node could run
 * (kubernetes/autoscaler, cluster-autoscaler/utils/taints/taints.go); the second is the older word.
 */
const OF_AUTOSCALER = /^(?:startup|ignore)-taint\.cluster-autoscaler\.kubernetes\.io\//;
const OF_KUBERNETES = /^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//;
const KEY =
  /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Why a key is none for a startup taint, as the end of a sentence; undefined where it is one. */
export function faultOfKey(key: string): string | undefined {
  if (!KEY.test(key)) return `${key} is no key of a taint with a prefix, as ${STARTUP_TAINT}`;
  // Others than a node pool's owner set these, and mean something by them.
  if (OF_KUBERNETES.test(key) && !OF_AUTOSCALER.test(key)) {
    return `${key} is a taint of Kubernetes itself`;
  }
  return undefined;
}

export interface JsonPatch {
  readonly op: 'test' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

const PATH = '/spec/taints';

/**
 * What takes every taint of the key off, whatever its effect, and nothing else; undefined where there is none.
 * It holds for these taints alone: where somebody has changed them meanwhile, the API server refuses it.
 */
export function untaint(
  taints: readonly Taint[] | undefined,
  key: string,
): readonly JsonPatch[] | undefined {
  const left = taints?.filter((taint) => taint.key !== key);
  if (left === undefined || left.length === taints?.length) return undefined;
  const asSeen = { op: 'test', path: PATH, value: taints } as const;
  return left.length === 0
    ? [asSeen, { op: 'remove', path: PATH }]
    : [asSeen, { op: 'replace', path: PATH, value: left }];
}

/** Does the agent say that it is ready, having read what the node must hold? */
export function saysReady(agent: Pick<StoredNodeAgent, 'status'> | undefined): boolean {
  const { observedGeneration, conditions } = agent?.status ?? {};
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return observedGeneration !== undefined && ready?.status === 'True';
}
