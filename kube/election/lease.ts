/** The Lease object (coordination.k8s.io/v1), and what is read from it. */
import { resource } from '../client/resource.ts';
import { apiMicroTime } from '../objects/conditions.ts';
import type { KubeObject } from '../objects/types.ts';
import type { LeaseSettings } from './types.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export const leases = resource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
});

export type Timing = Required<Pick<LeaseSettings, 'leaseMs' | 'renewMs' | 'retryMs'>>;

/** The Lease as a new holder takes it. Each taking has a number of its own, also by who held it before. */
export function taken(
  { namespace, name, identity }: LeaseSettings,
  { leaseMs }: Timing,
  before: Lease | undefined,
  wall: number,
): Lease {
  const now = apiMicroTime(wall);
  return {
    ...before,
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...before?.metadata, namespace, name },
    spec: {
      ...before?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: before === undefined ? 0 : (before.spec?.leaseTransitions ?? 0) + 1,
    },
  };
}

export function renewed(lease: Lease, wall: number): Lease {
  return { ...lease, spec: { ...lease.spec, renewTime: apiMicroTime(wall) } };
}

/** The Lease as its holder gives it back, so that the next one need not wait. */
export function released(lease: Lease, wall: number): Lease {
  const now = apiMicroTime(wall);
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now },
  };
}
