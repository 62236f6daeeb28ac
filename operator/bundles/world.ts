/** What the operator knows of the cluster, as pure functions read it. */
import type { RunnerBinding } from '#api/runner-binding.ts';
import type {
  StoredClusterEgressPolicy,
  StoredEgressPolicy,
  StoredRunnerBinding,
} from '#api/stored.ts';
import type { Labels } from '#policy/namespace-selector.ts';
import { namespaceOf } from '#policy/title.ts';

export interface World {
  policiesIn(namespace: string): Iterable<StoredEgressPolicy>;
  clusterPolicies(): Iterable<StoredClusterEgressPolicy>;
  bindings(): Iterable<StoredRunnerBinding>;
  /** Undefined where the namespace does not exist. */
  labelsOf(namespace: string): Labels | undefined;
}

/** Whose pods a binding governs. */
export function namespacesOf(binding: RunnerBinding): readonly string[] {
  return [...new Set(binding.spec.selector?.namespaces ?? [namespaceOf(binding)])];
}
