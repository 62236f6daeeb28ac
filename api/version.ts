/**
 * The API group that every Torwacht document belongs to, and the kinds that this version reads from
 * files. Kinds that only a cluster writes are not here.
 */

export const group = 'torwacht.io';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}` as const;

export const kinds = ['EgressPolicy', 'ClusterEgressPolicy', 'RunnerBinding'] as const;
export type Kind = (typeof kinds)[number];
