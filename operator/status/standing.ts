/** In one word, where an object stands: the states are those of `kube/`'s `standing`. */
import type { Condition } from '#api/condition.ts';
import type { Standing } from '#kube/index.ts';
import type { Objection } from '../documents/assess.ts';
import type { Folded } from './fold.ts';

/** Was an object, as it is now, in force on all nodes once? It says so itself. */
export function isSettled(object: Judged | undefined): boolean {
  const ready = object?.status?.conditions?.find(({ type }) => type === 'Ready');
  return (
    ready?.status === 'True' &&
    ready.observedGeneration === object?.metadata.generation &&
    (ready.reason === IN_FORCE || ready.reason === NO_NODES)
  );
}

const IN_FORCE = 'InForce';
const NO_NODES = 'NoNodes';

interface StatusOf {
  readonly conditions?: readonly Condition[] | undefined;
}

/** What of an object is asked here. */
export interface Judged {
  readonly metadata: { readonly generation: number };
  readonly status?: StatusOf;
}

export interface Facts {
  /** Why it is not in force as it stands. */
  readonly refused: Objection | undefined;
  /** Is something older of it in force instead? */
  readonly older: boolean;
  /** Whose pods it is about: RunnerBindings. */
  readonly bindings: number;
  readonly folded: Folded;
  /** Was this generation in force on all nodes once? */
  readonly settled: boolean;
}

export function standingOf({ refused, older, bindings, folded, settled }: Facts): Standing {
  if (refused !== undefined) {
    const message = older
      ? `${refused.message} What was in force before stays.`
      : `${refused.message} Nothing of it is in force.`;
    return { state: 'stalled', reason: refused.reason, message };
  }
  if (bindings === 0) {
    const message = 'No RunnerBinding is about these pods: it holds nobody.';
    return { state: 'ready', reason: 'NoBinding', message };
  }
  const { ready, total, notReady } = folded.nodes;
  if (total === 0) {
    const message =
      notReady === 0 ? 'There is no node.' : `No node is Ready, and ${notReady} are not.`;
    return { state: 'ready', reason: NO_NODES, message };
  }
  if (ready === total) {
    return { state: 'ready', reason: IN_FORCE, message: `In force on ${count(total)}.` };
  }
  if (folded.failing) {
    const message = `In force on ${ready} of ${count(total)}; ${reasonsOf(folded)}.`;
    return { state: 'unready', reason: 'NodesFail', message };
  }
  if (settled) {
    const message = `In force on ${ready} of ${count(total)}; the others have just come.`;
    return { state: 'ready', reason: IN_FORCE, message };
  }
  const message = `In force on ${ready} of ${count(total)}.`;
  return { state: 'reconciling', reason: 'RollingOut', message };
}

function count(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}

function reasonsOf({ waiting }: Folded): string {
  return waiting.map(({ reason, count: nodes }) => `${reason} on ${nodes}`).join(', ');
}
