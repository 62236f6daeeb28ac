/** Objects as the API server has them, for tests of what is pure. */
import type {
  StoredClusterEgressPolicy,
  StoredEgressPolicy,
  StoredRunnerBinding,
} from '#api/stored.ts';
import { apiVersion } from '#api/version.ts';
import type { World } from '../bundles/world.ts';

export type Change = {
  readonly uid?: string;
  readonly generation?: number;
  /** Seconds; the younger the larger. */
  readonly created?: number;
};

function stored(
  kind: string,
  metadata: { namespace?: string; name: string },
  spec: object,
  change: Change,
) {
  const { uid, generation = 1, created = 0 } = change;
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid: uid ?? `${kind}-${metadata.namespace ?? ''}-${metadata.name}`,
      generation,
      resourceVersion: '1',
      creationTimestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, created)).toISOString(),
    },
    spec,
  };
}

/** Not checked: a test may want what is not sound. @param path `namespace/name` */
export function policy(path: string, spec: object = {}, change: Change = {}): StoredEgressPolicy {
  return stored('EgressPolicy', placed(path), spec, change) as StoredEgressPolicy;
}

export function binding(path: string, spec: object = {}, change: Change = {}): StoredRunnerBinding {
  const object = stored('RunnerBinding', placed(path), { mode: 'Block', ...spec }, change);
  return object as StoredRunnerBinding;
}

export function cluster(
  name: string,
  spec: object = {},
  change: Change = {},
): StoredClusterEgressPolicy {
  return stored('ClusterEgressPolicy', { name }, spec, change) as StoredClusterEgressPolicy;
}

function placed(path: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = path.split('/');
  return { namespace, name };
}

export type Stored = StoredEgressPolicy | StoredClusterEgressPolicy | StoredRunnerBinding;

/** A world of these objects, in namespaces without labels unless told. */
export function worldOf(
  objects: readonly Stored[],
  labels: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): World {
  const of = <T extends Stored>(kind: T['kind']): readonly T[] =>
    objects.filter((object): object is T => object.kind === kind);
  return {
    policiesIn: (namespace) =>
      of<StoredEgressPolicy>('EgressPolicy').filter(
        ({ metadata }) => metadata.namespace === namespace,
      ),
    clusterPolicies: () => of<StoredClusterEgressPolicy>('ClusterEgressPolicy'),
    bindings: () => of<StoredRunnerBinding>('RunnerBinding'),
    labelsOf: (namespace) => labels[namespace],
  };
}
