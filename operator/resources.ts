/** The kinds that the operator reads and writes, as the client knows them. */
import { resourceName } from '#api/resources.ts';
import type {
  StoredClusterEgressPolicy,
  StoredEgressPolicy,
  StoredMetadata,
  StoredNodeAgent,
  StoredPolicyBundle,
  StoredRunnerBinding,
  StoredViolation,
} from '#api/stored.ts';
import {
  type Condition,
  type KubeObject,
  type ObjectMeta,
  type Resource,
  resource,
} from '#kube/index.ts';

/** An object of ours with the metadata of any object. */
export type Kept<T> = Omit<T, 'metadata'> & { readonly metadata: StoredMetadata & ObjectMeta };

const ours = <T extends KubeObject>(kind: string): Resource<T> => resource<T>(resourceName(kind));

export const egressPolicies = ours<Kept<StoredEgressPolicy>>('EgressPolicy');
export const clusterEgressPolicies = ours<Kept<StoredClusterEgressPolicy>>('ClusterEgressPolicy');
export const runnerBindings = ours<Kept<StoredRunnerBinding>>('RunnerBinding');
export const policyBundles = ours<Kept<StoredPolicyBundle>>('PolicyBundle');
export const violations = ours<Kept<StoredViolation>>('Violation');
export const nodeAgents = ours<Kept<StoredNodeAgent>>('NodeAgent');

/** As in core/v1, every field as it came: a patch names it whole. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}

export interface Node extends KubeObject {
  readonly spec?: { readonly taints?: readonly Taint[] };
  readonly status?: { readonly conditions?: readonly Pick<Condition, 'type' | 'status'>[] };
}

const core = (kind: string, plural: string): Resource => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced: false,
});
export const nodes = resource<Node>(core('Node', 'nodes'));
export const namespaces = resource<KubeObject>(core('Namespace', 'namespaces'));
