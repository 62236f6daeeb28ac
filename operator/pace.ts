/** How soon, and how seldom. All in milliseconds. */
export interface Pace {
  /** How long reports of nodes are gathered before statuses are folded from them. */
  readonly gather: number;
  /** The same for nodes that come, go, and turn Ready or not. */
  readonly gatherNodes: number;
  /** Between two writes of a status that tell only how far a rollout has come. */
  readonly progress: number;
  /** How old counts of nodes may be in the status of a policy that is in force everywhere. */
  readonly refresh: number;
  /** How long a piece stays that no head names, for whoever is just reading an older head. */
  readonly grace: number;
  /** How long it stays where a node says that it holds an older head. */
  readonly longest: number;
  /** How often it is looked whether one still does. */
  readonly look: number;
  /** Between two writes of one Report of Violations. */
  readonly report: number;
  /** How often it is looked whether the API server has that kind. */
  readonly served: number;
}

export const defaultPace: Pace = {
  gather: 200,
  gatherNodes: 10_000,
  progress: 2000,
  refresh: 600_000,
  grace: 600_000,
  longest: 86_400_000,
  look: 60_000,
  report: 10_000,
  served: 300_000,
};
