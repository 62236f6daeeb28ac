/** What the runtime itself may need to do, as rules of RBAC. */
import type { Resource } from '../client/resource.ts';
import { leases } from '../election/lease.ts';
import { eventResource } from '../events/event.ts';

/** As in rbac.authorization.k8s.io/v1. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** Those alone; all where it is left out. */
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export function rule(of: Resource, verbs: readonly string[], subresource?: string): PolicyRule {
  const name = subresource === undefined ? of.plural : `${of.plural}/${subresource}`;
  return { apiGroups: [of.group], resources: [name], verbs };
}

export interface Uses {
  readonly cached: readonly Resource[];
  readonly finalized: readonly Resource[];
  readonly elects: boolean;
}

export function permissionsFor({ cached, finalized, elects }: Uses): PolicyRule[] {
  return [
    ...cached.map((of) => rule(of, ['list', 'watch'])),
    ...finalized.map((of) => rule(of, ['get', 'patch'])),
    rule(eventResource, ['create', 'patch']),
    ...(elects ? [rule(leases, ['create', 'get', 'update'])] : []),
  ];
}
