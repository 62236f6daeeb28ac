/** What an agent says of its node, as a pure function of what it knows. */
import { type Capability, type HeldBinding, leftReason } from '#api/node-agent.ts';
import { type Condition, type Standing, standing } from '#kube/index.ts';

export interface Facts {
  readonly version: string;
  readonly kernel: string;
  readonly capabilities: readonly Capability[];
  /** What keeps every pod of this node from being held, in sentences. */
  readonly hostProblems: readonly string[];
  /** Does the container runtime answer? */
  readonly connected: boolean;
  /** Does the node hold nobody any more, for good? */
  readonly left: boolean;
  /** One for each binding of the spec. */
  readonly bindings: readonly HeldBinding[];
  readonly pods: { readonly enforced: number; readonly failed: number };
}

/** `NodeAgentStatus` with every field that an agent writes. */
export interface NodeStatus {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly version: string;
  readonly kernel: string;
  /** The API server keeps no empty lists; neither do we, or a status would never be what was written. */
  readonly capabilities?: readonly Capability[];
  readonly bindings?: readonly HeldBinding[];
  readonly pods: Facts['pods'];
}

/**
 * @param generation of the object that the bindings were read from
 * @param now as RFC 3339 in seconds
 */
export function statusOf(
  facts: Facts,
  generation: number,
  previous: readonly Condition[] | undefined,
  now: string,
): NodeStatus {
  const { version, kernel, capabilities, bindings, pods } = facts;
  return {
    observedGeneration: generation,
    conditions: standing(previous, generation, standingOf(facts), now),
    version,
    kernel,
    ...(capabilities.length > 0 ? { capabilities } : {}),
    ...(bindings.length > 0 ? { bindings } : {}),
    pods,
  };
}

/** Messages say no numbers that change by themselves: each change is a write. */
function standingOf({ hostProblems, connected, left, bindings, pods }: Facts): Standing {
  const unready = (reason: string, message: string): Standing => ({
    state: 'unready',
    reason,
    message,
  });
  if (left) return unready(leftReason, 'Torwacht is being uninstalled: this node holds no pod.');
  if (hostProblems.length > 0) return unready('HostUnfit', hostProblems.join(' '));
  if (!connected) {
    return unready('RuntimeLost', 'The container runtime does not answer: no new pod is held.');
  }
  const failing = bindings.filter(({ reason }) => reason !== undefined);
  if (failing.length > 0) {
    const listed = failing.slice(0, MAX_LISTED).map((one) => `${nameOf(one)} (${one.reason})`);
    const more = failing.length - listed.length;
    const rest = more > 0 ? ` and ${more} more` : '';
    const message = `Not in force as they stand: ${listed.join(', ')}${rest}. What was in force before stays.`;
    return unready('BundlesRefused', message);
  }
  if (pods.failed > 0) {
    const message = 'Pods could not be held, and their jobs do not start; the log says why.';
    return unready('PodsNotHeld', message);
  }
  if (bindings.some(({ digest }) => digest === undefined)) {
    const message = 'Bundles that this node has never held are on their way.';
    return { state: 'reconciling', reason: 'Starting', message };
  }
  const message = bindings.length === 0 ? 'There is no binding to hold.' : 'All bindings are held.';
  return { state: 'ready', reason: 'InForce', message };
}

const MAX_LISTED = 5;

function nameOf({ namespace, name }: HeldBinding): string {
  return `${namespace}/${name}`;
}
