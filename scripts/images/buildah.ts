/**
 * buildah with a storage of its own, in a mount namespace of its own: what it mounts and stores is seen by
 * nobody else. It never asks a registry for an image.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../test/cluster/run.ts';
import { BUILD } from './places.ts';

export interface ImagePlan {
  /** The whole name with its tag: `localhost/torwacht/agent:dev`. */
  readonly tag: string;
  readonly containerfile: string;
  /** The folder that COPY and ADD take from. */
  readonly context: string;
  /** Values of ARG. */
  readonly values?: Readonly<Record<string, string>>;
  /** Seconds since 1970 that image and files bear, so that the same is built twice. Now, where it is missing. */
  readonly epoch?: number;
  /** Of the programs in it, where it is not this machine's. */
  readonly architecture?: string;
}

const STORAGE = join(BUILD, 'cluster/buildah');

/** Builds an image and writes it to `archive`, as `docker load` and `ctr images import` take it. */
export async function buildImage(plan: ImagePlan, archive: string): Promise<void> {
  await build(plan, STORAGE);
  // The image that bore the name before has none now.
  await buildah(STORAGE, 'rmi', '--prune', '--force');
  await buildah(STORAGE, 'push', '--quiet', plan.tag, `docker-archive:${archive}:${plan.tag}`);
}

/** The same as the folder `layout`, in the layout of OCI with compressed layers; `storage` must be a new folder. */
export async function buildLayout(plan: ImagePlan, layout: string, storage: string): Promise<void> {
  await build(plan, storage);
  await buildah(storage, 'push', '--quiet', '--format=oci', plan.tag, `oci:${layout}:${plan.tag}`);
}

async function build(plan: ImagePlan, storage: string): Promise<void> {
  const { tag, containerfile, context, values = {}, epoch, architecture } = plan;
  const flags = Object.entries(values).map(([name, value]) => `--build-arg=${name}=${value}`);
  // The label that it would add names buildah's own version.
  if (epoch !== undefined) flags.push(`--timestamp=${epoch}`, '--identity-label=false');
  if (architecture !== undefined) flags.push(`--arch=${architecture}`);
  await buildah(
    storage,
    ...['bud', '--isolation=chroot', '--pull-never', '--quiet', `--tag=${tag}`, ...flags],
    ...[`--file=${containerfile}`, context],
  );
}

async function buildah(storage: string, ...args: string[]): Promise<void> {
  mkdirSync(storage, { recursive: true });
  await run('unshare', [
    ...['--mount', '--propagation', 'slave', 'buildah'],
    ...[`--root=${join(storage, 'root')}`, `--runroot=${join(storage, 'run')}`, ...args],
  ]);
}
