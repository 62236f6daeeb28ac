/** The documents of a test's bundle: who is governed, and what may be reached. */
import type * as z from 'zod';
import type { allowRuleSchema } from '#api/rule.ts';
import type { runnerBindingSpecSchema } from '#api/runner-binding.ts';

type Allow = z.input<typeof allowRuleSchema>;
type BindingSpec = z.input<typeof runnerBindingSpecSchema>;

const apiVersion = 'torwacht.io/v1alpha1';

/** Governs all pods of a namespace, in Block unless told. */
export function binding(namespace: string, spec: BindingSpec = {}): object {
  return { apiVersion, kind: 'RunnerBinding', metadata: { name: 'runners', namespace }, spec };
}

/** What pods of the namespace may reach; nothing else of it is open. */
export function policy(namespace: string, ...allow: Allow[]): object {
  return {
    apiVersion,
    kind: 'EgressPolicy',
    metadata: { name: 'reach', namespace },
    spec: { allow },
  };
}
