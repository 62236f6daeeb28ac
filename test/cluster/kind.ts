/**
 * The same hands on a cluster that kind has made in a container engine. Its pods can reach whatever the
 * engine lets them reach: it has no namespace that plays the internet, and no mark, so probes refuse to
 * run there.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failure } from '#api/error.ts';
import type { ClusterMeans } from './cluster.ts';
import { errors } from './errors.ts';
import { type ImageName, imageArchive } from './images/images.ts';
import { kubectlOn } from './kubectl.ts';
import { BUILD, PREFIX } from './names.ts';
import { run } from './run.ts';

/** The CoreDNS and the pause image are kind's own. */
const IMAGES: readonly ImageName[] = ['busybox'];

/** Is it kind's cluster that is asked for, by CLUSTER=kind? */
export function wantsKind(environment: NodeJS.ProcessEnv = process.env): boolean {
  return environment.CLUSTER === 'kind';
}

/** A node image of your own, where kind's is not to be had. */
const nodeImage = (): readonly string[] => {
  const image = process.env.TORWACHT_KIND_IMAGE;
  return image ? [`--image=${image}`] : [];
};

const kubeconfigOf = (id: string): string => join(BUILD, 'kind', `${id}.kubeconfig`);

/** Makes it where there is none. @throws TW_CLUSTER_COMMAND */
export async function kindCluster(name: string): Promise<ClusterMeans> {
  const id = `${PREFIX}${name}`;
  const kubeconfig = kubeconfigOf(id);
  const load = (archive: string): Promise<void> => {
    return run('kind', ['load', 'image-archive', archive, '--name', id]);
  };
  if (!existsSync(kubeconfig)) {
    mkdirSync(dirname(kubeconfig), { recursive: true });
    await run('kind', [
      'create',
      'cluster',
      '--name',
      id,
      '--kubeconfig',
      kubeconfig,
      '--wait=180s',
      ...nodeImage(),
    ]);
    for (const image of IMAGES) await load(await imageArchive(image));
  }
  return {
    id,
    kubeconfig,
    logs: `what "kind export logs --name ${id}" writes`,
    kubectl: kubectlOn({ kubeconfig, logs: id }),
    load,
    get node(): never {
      throw failure(errors.kind, { what: 'node that the host can enter' });
    },
    attachLab: () => {
      throw failure(errors.kind, { what: 'namespace that plays the internet' });
    },
  };
}

/** Idempotent. @throws TW_CLUSTER_COMMAND */
export async function deleteKindCluster(name: string): Promise<void> {
  const id = `${PREFIX}${name}`;
  await run('kind', ['delete', 'cluster', '--name', id, '--kubeconfig', kubeconfigOf(id)]);
  rmSync(kubeconfigOf(id), { force: true });
}
