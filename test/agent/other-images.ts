/** Images of another build, which calls itself older and whose maps are laid out in another way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage } from '../../scripts/images/buildah.ts';
import { containerfile, fill } from '../../scripts/images/contents.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { makeOtherBuild, OTHER_VERSION } from '../kernel/other-build.ts';
import { execute } from '../lab/execute.ts';

const ROOT = join(import.meta.dirname, '../..');
const entries = {
  agent: 'agent/daemon/main.ts',
  operator: 'operator/main.ts',
  webhook: 'webhook/main.ts',
} as const;

type Program = keyof typeof entries;

/** Builds them, loads them into the cluster, and gives their names for manifests. */
export async function otherImages<Name extends Program>(
  cluster: Cluster,
  names: readonly Name[],
): Promise<Record<Name, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-other-'));
  try {
    const sources = makeOtherBuild(join(folder, 'sources'));
    const made: Partial<Record<Name, string>> = {};
    for (const name of names) made[name] = await otherImage(cluster, name, sources, folder);
    return made as Record<Name, string>;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function otherImage(
  cluster: Cluster,
  name: Program,
  sources: string,
  folder: string,
): Promise<string> {
  const build = join(sources, 'build');
  const bundle = join(ROOT, 'scripts/bundle.ts');
  const output = join(build, `torwacht-${name}.mjs`);
  execute(process.execPath, [bundle, output, join(sources, entries[name])]);
  const context = join(folder, `context-${name}`);
  fill(name, context, build);
  const tag = `localhost/torwacht-test/${name}:${OTHER_VERSION}`;
  const archive = join(folder, `${name}.tar`);
  const values = { VERSION: OTHER_VERSION, REVISION: '' };
  await buildImage({ tag, containerfile: containerfile(name), context, values }, archive);
  await cluster.load(archive);
  return tag;
}
