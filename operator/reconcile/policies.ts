/** EgressPolicies and ClusterEgressPolicies: it is said where they are in force, and what of them is not. */

import type { TorwachtDocument } from '#api/documents.ts';
import { maxExamples } from '#api/status.ts';
import type { StoredClusterEgressPolicy, StoredEgressPolicy } from '#api/stored.ts';
import { type Key, placeOf, type ReconcileContext, type ReconcileResult } from '#kube/index.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import { isLiving } from '../cluster.ts';
import { assess, type Objection } from '../documents/assess.ts';
import { ineffective, type Policy } from '../documents/ineffective.ts';
import type { Parts } from '../parts.ts';
import { clusterEgressPolicies, egressPolicies, type Kept } from '../resources.ts';
import type { State } from '../state.ts';
import { fold } from '../status/fold.ts';
import { isSettled, standingOf } from '../status/standing.ts';
import { type Said, tell } from './tell.ts';

export function reconcilePolicy(parts: Parts) {
  return (context: ReconcileContext<Kept<StoredEgressPolicy>>) => {
    const { key, object, client } = context;
    const state = parts.stateOf(client);
    if (object === undefined) state.forget(`EgressPolicy ${key}`);
    if (object === undefined || !isLiving(object) || !parts.isComplete) return undefined;
    const bindings = state.about(namespaceOf(object));
    const said = sayOf(parts, state, object, bindings);
    if (said === undefined) return undefined;
    return later(parts, tell(parts, egressPolicies, context, object, said));
  };
}

export function reconcileClusterPolicy(parts: Parts) {
  return (context: ReconcileContext<Kept<StoredClusterEgressPolicy>>) => {
    const { key, object, client } = context;
    const state = parts.stateOf(client);
    if (object === undefined) state.forget(`ClusterEgressPolicy ${key}`);
    if (object === undefined || !isLiving(object) || !parts.isComplete) return undefined;
    const said = sayOf(parts, state, object, [...parts.selectedBy(object)]);
    if (said === undefined) return undefined;
    return later(parts, tell(parts, clusterEgressPolicies, context, object, said));
  };
}

async function later(
  parts: Parts,
  told: Promise<ReconcileResult | undefined>,
): Promise<ReconcileResult> {
  // Spread over time: all of them may have been told at once.
  return (await told) ?? { requeueAfterMs: parts.pace.refresh * (1 + parts.clock.random()) };
}

/** Undefined where a binding has not looked at it yet: when it has, there is something to say. */
function sayOf(
  parts: Parts,
  state: State,
  object: Kept<StoredEgressPolicy> | Kept<StoredClusterEgressPolicy>,
  asked: readonly Key[],
): Said | undefined {
  const title = documentTitle(object);
  if (!state.isCurrent(object, title, asked)) {
    state.unsaid.add(title);
    return undefined;
  }
  const bindings = state.holding(title);
  const states = new Map(bindings.map((key) => [key, state.bindings.get(key)]));
  const refused =
    asked.map((key) => state.bindings.get(key)?.refused.get(title)).find(Boolean) ??
    assess(object).objection ??
    undefined;
  const folded = fold(
    parts.views.all(),
    bindings,
    (key, digest) => states.get(key)?.rollout.holds(digest, title) === true,
  );
  const standing = standingOf({
    refused,
    older: bindings.length > 0,
    bindings: bindings.length,
    folded,
    settled: isSettled(object),
  });
  const none = bindings.length === 0;
  const objection = refused === undefined ? limits(object, state, bindings) : null;
  return {
    standing,
    remarks: [{ type: 'Limited', objection, otherwise: 'Effective' }],
    fields: {
      ...(none ? {} : { nodes: folded.nodes }),
      ...(none || folded.waiting.length === 0 ? {} : { waiting: folded.waiting }),
      bindingCount: bindings.length,
      ...(none ? {} : { bindings: bindings.slice(0, maxExamples).map((key) => placeOf(key)) }),
    },
  };
}

function limits(object: object, state: State, bindings: readonly Key[]): Objection | null {
  const { document } = assess(object);
  if (document === null) return null;
  const around = new Map<string, TorwachtDocument>();
  for (const key of bindings) {
    for (const [title, other] of state.bindings.get(key)?.inForce?.documents ?? []) {
      if (other.kind !== 'EgressPolicy') around.set(title, other);
    }
  }
  return ineffective(document as Policy, [...around.values()]);
}
