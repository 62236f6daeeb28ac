/** config/default: the kinds, the rights, the operator, and the agent as a consumer of the API. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { installCrds } from '../apiserver/crds.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { ROOT } from '../cluster/names.ts';
import { waitFor } from '../cluster/wait.ts';
import { policy } from './documents.ts';
import { at, type Manifest, manifestsOf } from './install.ts';

const CONFIG = join(ROOT, 'config/default');

/** All of it with images of this checkout; resolves when every pod of it is ready and admission answers. */
export async function installApi(t: Pick<TestContext, 'after'>, cluster: Cluster): Promise<void> {
  const { kubectl } = cluster;
  t.after(async () => {
    await kubectl(['delete', '--kustomize', CONFIG, '--ignore-not-found', '--wait=false']);
    await kubectl(['wait', 'namespace/torwacht', '--for=delete', '--timeout=60s']);
    forget(cluster);
  });
  await installCrds({
    kubectl,
    request: async ({ path }) => ({ status: 200, body: await kubectl(['get', '--raw', path]) }),
  });
  const objects = await manifestsOf(cluster, CONFIG);
  await cluster.apply(objects.filter(({ kind }) => kind !== 'CustomResourceDefinition'));
  for (const workload of workloads(objects)) {
    await kubectl(['rollout', 'status', workload, ...at, '--timeout=120s']);
  }
  await admits(cluster);
}

/** A Service leads to a pod a moment after the pod is ready, and until then no object of ours is taken. */
export async function admits(cluster: Cluster): Promise<void> {
  const sample = JSON.stringify(policy('default', { fqdn: ['example.test'] }));
  await waitFor('admission answers', async () => {
    await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], sample);
    return true;
  });
}

/**
 * What agents keep on the node: rows that wait there, and those of pods that have ended since, would be told to the
 * operator of the next test.
 */
export function forget({ node }: Cluster): void {
  node.run('rm', ['-rf', '/var/lib/torwacht', '/sys/fs/bpf/torwacht']);
}

function workloads(objects: readonly Manifest[]): readonly string[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet')
    .map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
}
