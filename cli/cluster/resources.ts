/** What the commands read of a cluster. */
import { resourceName } from '#api/resources.ts';
import type {
  StoredClusterEgressPolicy,
  StoredEgressPolicy,
  StoredMetadata,
  StoredNodeAgent,
  StoredRunnerBinding,
  StoredViolation,
} from '#api/stored.ts';
import { type Condition, type KubeObject, type ObjectMeta, resource } from '#kube/index.ts';

type Kept<T> = Omit<T, 'metadata'> & { readonly metadata: StoredMetadata & ObjectMeta };

const ours = <T extends KubeObject>(kind: string) => resource<T>(resourceName(kind));

export type Policy = Kept<StoredEgressPolicy>;
export type ClusterPolicy = Kept<StoredClusterEgressPolicy>;
export type Binding = Kept<StoredRunnerBinding>;
export type Agent = Kept<StoredNodeAgent>;

export interface Node extends KubeObject {
  readonly status?: { readonly conditions?: readonly Pick<Condition, 'type' | 'status'>[] };
}

export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly initContainers?: readonly { readonly name: string }[];
  };
  readonly status?: { readonly phase?: string };
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface DaemonSet extends KubeObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[] | null;
}

export interface Crd extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: { readonly openAPIV3Schema?: unknown };
    }[];
  };
}

export interface Webhooks extends KubeObject {
  readonly webhooks?: readonly {
    readonly clientConfig: {
      readonly caBundle?: string;
      readonly service?: { readonly name: string; readonly namespace: string };
    };
  }[];
}

export const policies = ours<Policy>('EgressPolicy');
export const clusterPolicies = ours<ClusterPolicy>('ClusterEgressPolicy');
export const bindings = ours<Binding>('RunnerBinding');
export const violations = ours<Kept<StoredViolation>>('Violation');
export const agents = ours<Agent>('NodeAgent');

const core = <T extends KubeObject>(kind: string, plural: string, namespaced: boolean) =>
  resource<T>({ group: '', version: 'v1', kind, plural, namespaced });

export const nodes = core<Node>('Node', 'nodes', false);
export const pods = core<Pod>('Pod', 'pods', true);
export const namespaces = core<KubeObject>('Namespace', 'namespaces', false);
export const configMaps = core<ConfigMap>('ConfigMap', 'configmaps', true);

const named =
  (group: string) =>
  <T extends KubeObject>(kind: string, plural: string, namespaced: boolean) =>
    resource<T>({ group, version: 'v1', kind, plural, namespaced });
const admission = named('admissionregistration.k8s.io');

export const daemonSets = named('apps')<DaemonSet>('DaemonSet', 'daemonsets', true);
export const endpointSlices = named('discovery.k8s.io')<EndpointSlice>(
  'EndpointSlice',
  'endpointslices',
  true,
);
export const crds = named('apiextensions.k8s.io')<Crd>(
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);
export const webhooks = admission<Webhooks>(
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);
export const admissionPolicies = admission<KubeObject>(
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
  false,
);
