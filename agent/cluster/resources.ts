/** What an agent reads and writes in the API. */
import type { StoredMetadata, StoredNodeAgent, StoredPolicyBundle } from '#api/stored.ts';
import { group, version } from '#api/version.ts';
import { type ObjectMeta, resource } from '#kube/index.ts';

type Kept<T> = Omit<T, 'metadata'> & { readonly metadata: StoredMetadata & ObjectMeta };
export type NodeAgentObject = Kept<StoredNodeAgent>;
export type BundleObject = Kept<StoredPolicyBundle>;

const cluster = { group, version, namespaced: false };

export const nodeAgents = resource<NodeAgentObject>({
  ...cluster,
  kind: 'NodeAgent',
  plural: 'nodeagents',
});
export const policyBundles = resource<BundleObject>({
  ...cluster,
  kind: 'PolicyBundle',
  plural: 'policybundles',
});
