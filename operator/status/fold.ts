/** From what each node says to what is said about an object: on how many nodes it is in force, and why not on others. */
import { maxExamples, type NodeCounts, type WaitingNodes } from '#api/status.ts';

/** A node, with what of its agent is known. */
export interface NodeView {
  readonly name: string;
  /** Is the Node Ready? Others are not waited for. */
  readonly ready: boolean;
  /** By the key of a binding; undefined while the agent has said nothing at all. */
  readonly held: ReadonlyMap<string, Held> | undefined;
}

export interface Held {
  readonly digest: string | undefined;
  /** Why the newest head is not in force. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

export interface Folded {
  readonly nodes: NodeCounts;
  readonly waiting: readonly WaitingNodes[];
  /** Does some node say that it cannot? */
  readonly failing: boolean;
}

/** Entries of `waiting`: the schema's limit. */
const MAX_REASONS = 16;

/** @param holds is it in force there, as far as this binding goes? */
export function fold(
  nodes: Iterable<NodeView>,
  bindings: readonly string[],
  holds: (binding: string, digest: string | undefined) => boolean,
): Folded {
  let ready = 0;
  let total = 0;
  let notReady = 0;
  const waiting = new Map<string, { message: string | undefined; names: string[] }>();
  let failing = false;
  for (const node of nodes) {
    if (!node.ready) {
      notReady += 1;
      continue;
    }
    total += 1;
    const missing = bindings.find((key) => !holds(key, node.held?.get(key)?.digest));
    if (missing === undefined) {
      ready += 1;
      continue;
    }
    const why = whyNot(node, missing);
    failing ||= why.failing;
    const group = waiting.get(why.reason) ?? { message: why.message, names: [] };
    group.names.push(node.name);
    waiting.set(why.reason, group);
  }
  return {
    nodes: { ready, total, notReady, summary: `${ready}/${total}` },
    waiting: [...waiting].map(([reason, group]) => listed(reason, group)).slice(0, MAX_REASONS),
    failing,
  };
}

interface Why {
  readonly reason: string;
  readonly message: string | undefined;
  readonly failing: boolean;
}

function whyNot({ held }: NodeView, binding: string): Why {
  if (held === undefined) {
    const message = 'The agent of the node has not said anything yet.';
    return { reason: 'AgentSilent', message, failing: false };
  }
  const entry = held.get(binding);
  if (entry?.reason !== undefined) {
    return { reason: entry.reason, message: entry.message, failing: true };
  }
  return {
    reason: entry?.digest === undefined ? 'Starting' : 'Updating',
    message: undefined,
    failing: false,
  };
}

function listed(
  reason: string,
  { message, names }: { readonly message: string | undefined; readonly names: string[] },
): WaitingNodes {
  const nodes = names.sort().slice(0, maxExamples);
  return { reason, ...(message === undefined ? {} : { message }), count: names.length, nodes };
}
