/** What there is to see of a cluster before anything is done to it. */
import { isKubeError, type KubeObject, type Resource, resource } from '#kube/index.ts';
import type { World } from './runner/world.ts';

export interface Survey {
  readonly version: string;
  readonly nodes: number;
  /** A Torwacht that runs: whose it is, and the images that its cluster has. */
  readonly installed: Installed | undefined;
  /** Of one that is there in part: names of its kinds. */
  readonly kinds: readonly string[];
}

export interface Installed {
  readonly namespace: string;
  /** Made by the case install of an earlier run. */
  readonly ours: boolean;
  readonly operator: string | undefined;
  /** As the first binding that says so names it. */
  readonly barrier: string | undefined;
}

interface Workload extends KubeObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } };
  };
}
interface Binding extends KubeObject {
  readonly spec: { readonly barrier?: { readonly images: readonly string[] } };
}

/** @throws KubeError where the cluster does not answer, or may not be asked */
export async function survey({ client }: World): Promise<Survey> {
  const { gitVersion } = (await client.raw('/version')) as { gitVersion: string };
  const apps = { group: 'apps', version: 'v1', namespaced: true };
  const list = async <T extends KubeObject>(of: Resource, labelSelector = ''): Promise<T[]> => {
    try {
      const { items } = await client.list(resource<T>(of), { labelSelector });
      return [...items];
    } catch (error) {
      // A kind that is not installed has no objects.
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return [];
      throw error;
    }
  };
  const part = (name: string) => `app.kubernetes.io/name=torwacht-${name}`;
  const [nodes, namespaces, agents, operators, kinds, bindings] = await Promise.all([
    list({ group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }),
    list({ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }),
    list<Workload>({ ...apps, kind: 'DaemonSet', plural: 'daemonsets' }, part('agent')),
    list<Workload>({ ...apps, kind: 'Deployment', plural: 'deployments' }, part('operator')),
    list({
      ...{ group: 'apiextensions.k8s.io', version: 'v1', namespaced: false },
      ...{ kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions' },
    }),
    list<Binding>({
      ...{ group: 'torwacht.io', version: 'v1alpha1', namespaced: true },
      ...{ kind: 'RunnerBinding', plural: 'runnerbindings' },
    }),
  ]);
  const ours = namespaces.find(({ metadata }) => metadata.labels?.['torwacht.io/e2e'] === 'true');
  const namespace = agents[0]?.metadata.namespace ?? ours?.metadata.name;
  return {
    version: gitVersion,
    nodes: nodes.length,
    kinds: kinds
      .map(({ metadata }) => metadata.name)
      .filter((name) => /\.torwacht\.io$/.test(name)),
    installed:
      namespace === undefined
        ? undefined
        : {
            namespace,
            ours: ours !== undefined,
            operator: operators[0]?.spec.template.spec.containers[0]?.image,
            barrier: bindings.flatMap(({ spec }) => spec.barrier?.images ?? []).find(isWhole),
          },
  };
}

/** A prefix names no image. */
const isWhole = (image: string): boolean => !image.endsWith('*');
