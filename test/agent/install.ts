/** The agent as config/agent installs it: a DaemonSet from the image of this checkout, with another bundle. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../cluster/cluster.ts';
import type { ImageName } from '../cluster/images/images.ts';

const CONFIG = join(import.meta.dirname, '../../config/agent');
export const at = ['--namespace=torwacht'];

/** What kubectl makes of config/agent, with the image of this checkout and another bundle. */
export async function install(t: TestContext, cluster: Cluster, documents: readonly object[]) {
  const objects = await manifestsOf(cluster, CONFIG);
  t.after(async () => {
    await cluster.kubectl(['delete', 'namespace', 'torwacht', '--ignore-not-found']);
  });
  for (const object of objects) {
    if (object.kind === 'ConfigMap') {
      object.data = Object.fromEntries(
        documents.map((one, i) => [`${i}.yaml`, JSON.stringify(one)]),
      );
    }
  }
  await cluster.apply(objects);
  await cluster.kubectl(['rollout', 'status', 'daemonset/torwacht-agent', ...at, '--timeout=60s']);
}

/** What kubectl makes of a folder, with images of this checkout in the place of released ones. */
export async function manifestsOf(cluster: Cluster, folder: string): Promise<readonly Manifest[]> {
  const built = await cluster.kubectl(['kustomize', folder]);
  const objects = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
  for (const { spec } of objects) {
    const container = spec?.template?.spec.containers[0];
    const name = /^torwacht-(agent|operator|webhook):/.exec(container?.image ?? '')?.[1];
    if (container && name) container.image = await cluster.image(name as ImageName);
  }
  return objects;
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  data?: object;
  readonly spec?: { readonly template?: { readonly spec: { containers: { image: string }[] } } };
}
