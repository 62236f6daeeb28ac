/**
 * buildah with a storage of its own below build/, in a mount namespace of its own: what it mounts and
 * stores is seen by nobody else. It never asks a registry for an image.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD } from '../names.ts';
import { run } from '../run.ts';

export interface ImagePlan {
  /** The whole name with its tag: `localhost/torwacht/agent:dev`. */
  readonly tag: string;
  readonly containerfile: string;
  /** The folder that COPY and ADD take from. */
  readonly context: string;
  /** Values of ARG. */
  readonly values?: Readonly<Record<string, string>>;
}

/** Builds an image and writes it to `archive`, as `docker load` and `ctr images import` take it. */
export async function buildImage(plan: ImagePlan, archive: string): Promise<void> {
  const values = Object.entries(plan.values ?? {}).map(
    ([name, value]) => `--build-arg=${name}=${value}`,
  );
  await buildah(
    ...['bud', '--isolation=chroot', '--pull-never', '--quiet', `--tag=${plan.tag}`, ...values],
    ...[`--file=${plan.containerfile}`, plan.context],
  );
  // The image that bore the name before has none now.
  await buildah('rmi', '--prune', '--force');
  await buildah('push', '--quiet', plan.tag, `docker-archive:${archive}:${plan.tag}`);
}

async function buildah(...args: string[]): Promise<void> {
  const storage = join(BUILD, 'buildah');
  mkdirSync(storage, { recursive: true });
  await run('unshare', [
    ...['--mount', '--propagation', 'slave', 'buildah'],
    ...[`--root=${join(storage, 'root')}`, `--runroot=${join(storage, 'run')}`, ...args],
  ]);
}
