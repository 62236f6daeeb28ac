/** Every kind that can stand in a file, with its schema. */
import type { z } from 'zod';
import { type ClusterEgressPolicy, clusterEgressPolicySchema } from './cluster-egress-policy.ts';
import { type EgressPolicy, egressPolicySchema } from './egress-policy.ts';
import { type RunnerBinding, runnerBindingSchema } from './runner-binding.ts';
import type { Kind } from './version.ts';

export type TorwachtDocument = EgressPolicy | ClusterEgressPolicy | RunnerBinding;

export const documentSchemas: Readonly<Record<Kind, z.ZodType<TorwachtDocument>>> = {
  EgressPolicy: egressPolicySchema,
  ClusterEgressPolicy: clusterEgressPolicySchema,
  RunnerBinding: runnerBindingSchema,
};
