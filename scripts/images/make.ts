/** One image, made from nothing: its root, a storage of its own, and beside its layout the bill of materials. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout } from './buildah.ts';
import { containerfile, fill, type ImageName } from './contents.ts';
import { labelValues, type Source, version } from './labels.ts';
import { type Image, lookAtLayout } from './look.ts';
import { materialsOf } from './materials.ts';
import { BUILD } from './places.ts';
import { host, type Platform } from './platform.ts';
import { type Bom, bomOf } from './sbom.ts';

export interface Making {
  /** Where `make` has put what it built. */
  readonly build?: string;
  readonly platform?: Platform;
  readonly source: Source;
}

export interface Made {
  readonly image: Image;
  readonly bom: Bom;
}

export const layoutOf = (folder: string, name: ImageName): string =>
  join(folder, `torwacht-${name}`);

/** Writes `torwacht-<name>`, a layout of OCI, and `torwacht-<name>.cdx.json` into `folder`. */
export async function makeImage(name: ImageName, folder: string, making: Making): Promise<Made> {
  const { build = BUILD, platform = host(), source } = making;
  const { epoch, revision } = source;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, `making-${name}-`));
  const layout = layoutOf(folder, name);
  try {
    fill(name, join(work, 'context'), build, platform);
    rmSync(layout, { recursive: true, force: true });
    const plan = {
      tag: `torwacht-${name}:${version()}`,
      containerfile: containerfile(name),
      context: join(work, 'context'),
      values: labelValues(revision),
      epoch,
      architecture: platform.architecture,
    };
    await buildLayout(plan, layout, join(work, 'storage'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const bom = bomOf(materialsOf(name, { build, platform, epoch }));
  writeFileSync(`${layout}.cdx.json`, `${JSON.stringify(bom, null, 2)}\n`);
  return { image: lookAtLayout(layout), bom };
}
