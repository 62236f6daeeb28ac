/** Does every node hold every binding? A function of the objects. */

import { byPlace } from './live.ts';
import { type NodeRow, nodeRow, readyNodes } from './node-row.ts';
import type * as resources from './resources.ts';
import { type Listed, listed } from './standing.ts';

export interface World {
  readonly bindings: readonly resources.Binding[];
  readonly policies: readonly (resources.Policy | resources.ClusterPolicy)[];
  /** Null where these credentials may not read them. */
  readonly agents: readonly resources.Agent[] | null;
  readonly nodes: readonly resources.Node[] | null;
}

export interface Report {
  readonly allReady: boolean;
  readonly bindings: readonly Listed[];
  readonly policies: readonly Listed[];
  readonly nodes: readonly NodeRow[] | null;
  /** Why not, a sentence each. */
  readonly problems: readonly string[];
}

export function reportOf(world: World): Report {
  const bindings = world.bindings.map(listed);
  const policies = world.policies.map(listed);
  const known = byPlace(world.bindings);
  const ready = readyNodes(world.nodes);
  const nodes = world.agents?.map((agent) => nodeRow(agent, known, ready)) ?? null;
  const problems = [
    ...(bindings.length === 0 ? ['There is no RunnerBinding: no pod is held.'] : []),
    ...[...bindings, ...policies].filter((one) => one.ready !== 'True').map(objectProblem),
    ...(nodes ?? []).flatMap(nodeProblems),
  ];
  return { allReady: problems.length === 0, bindings, policies, nodes, problems };
}

function objectProblem({ title, ready, reason, message, waiting }: Listed): string {
  const nodes = waiting.map(({ reason: why, count, nodes: some }) => {
    const more = count > some.length ? `, and ${count - some.length} more` : '';
    return `${why} on ${some.join(', ')}${more}`;
  });
  const state = ready === 'False' ? 'is not ready' : 'is not known to be ready';
  return [`${title} ${state}: ${reason}. ${message}`, ...nodes].join('; ');
}

/** Nobody waits for a node that is not Ready. */
export function nodeProblems({ name, nodeReady, ready, ...row }: NodeRow): readonly string[] {
  if (nodeReady === false) return [];
  const agent =
    ready === 'True'
      ? []
      : [`The agent of node ${name} is not ready: ${row.reason}. ${row.message}`];
  const behind = row.behind.map(({ binding, reason, message }) =>
    `Node ${name} does not hold ${binding}: ${reason}. ${message}`.trimEnd(),
  );
  return [...agent, ...behind];
}
