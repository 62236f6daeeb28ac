/** The agent as config/agent installs it: a DaemonSet from the image of this checkout, with another bundle. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../cluster/cluster.ts';

const CONFIG = join(import.meta.dirname, '../../config/agent');
export const at = ['--namespace=torwacht'];

/** What kubectl makes of config/agent, with the image of this checkout and another bundle. */
export async function install(t: TestContext, cluster: Cluster, documents: readonly object[]) {
  const built = await cluster.kubectl(['kustomize', CONFIG]);
  const objects = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
  t.after(async () => {
    await cluster.kubectl(['delete', 'namespace', 'torwacht', '--ignore-not-found']);
  });
  const image = await cluster.image('agent');
  for (const object of objects) {
    if (object.kind === 'ConfigMap') {
      object.data = Object.fromEntries(
        documents.map((one, i) => [`${i}.yaml`, JSON.stringify(one)]),
      );
    }
    const container = object.spec?.template?.spec.containers[0];
    if (container !== undefined) container.image = image;
  }
  await cluster.apply(objects);
  await cluster.kubectl(['rollout', 'status', 'daemonset/torwacht-agent', ...at, '--timeout=60s']);
}

interface Manifest {
  readonly kind: string;
  data?: object;
  readonly spec?: { readonly template?: { readonly spec: { containers: { image: string }[] } } };
}
