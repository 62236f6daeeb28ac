/** A document as the API server has it: with what it and the operator add. */
import type { ClusterEgressPolicy } from './cluster-egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import type { Metadata } from './metadata.ts';
import type { NodeAgent, NodeAgentStatus } from './node-agent.ts';
import type { PolicyBundle } from './policy-bundle.ts';
import type { RunnerBinding } from './runner-binding.ts';
import type { PolicyStatus, RunnerBindingStatus } from './status.ts';
import type { Violation } from './violation.ts';

export interface StoredMetadata extends Metadata {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
}

export type Stored<Document, Status = never> = Omit<Document, 'metadata' | 'status'> & {
  readonly metadata: StoredMetadata;
  readonly status?: Status;
};

export type StoredEgressPolicy = Stored<EgressPolicy, PolicyStatus>;
export type StoredClusterEgressPolicy = Stored<ClusterEgressPolicy, PolicyStatus>;
export type StoredRunnerBinding = Stored<RunnerBinding, RunnerBindingStatus>;
export type StoredPolicyBundle = Stored<PolicyBundle>;
export type StoredViolation = Stored<Violation>;
export type StoredNodeAgent = Stored<NodeAgent, NodeAgentStatus>;
