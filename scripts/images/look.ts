/** What a finished image is: read from its archive or layout, and not from what it was made of. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execute } from '../../test/lab/execute.ts';

export interface Entry {
  /** From the root: `/usr/bin/node`. */
  readonly path: string;
  /** As ls(1) writes it: `-rwxr-xr-x`. */
  readonly mode: string;
  /** `0/0` */
  readonly owner: string;
}

export interface Image {
  /** Of the manifest, where the image is in the layout of OCI; a docker-archive has none. */
  readonly digest?: string;
  /** Bytes of its layers, as a registry would hold them. */
  readonly compressed: number;
  readonly architecture: string;
  /** Empty where it is root. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly entries: readonly Entry[];
}

/** https://github.com/opencontainers/image-spec: that of docker has the same fields. */
interface Config {
  readonly architecture: string;
  readonly config: {
    readonly User?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

/** A folder as `buildah push oci:…` writes it, with one image. */
export function lookAtLayout(layout: string): Image {
  interface Blob {
    readonly digest: string;
    readonly size: number;
  }
  const blob = ({ digest }: Blob): string => join(layout, 'blobs', digest.replace(':', '/'));
  const [found] = json<{ manifests: Blob[] }>(join(layout, 'index.json')).manifests;
  if (found === undefined) throw new Error(`${layout} holds no image.`);
  const { config, layers } = json<{ config: Blob; layers: Blob[] }>(blob(found));
  return {
    digest: found.digest,
    compressed: layers.reduce((sum, { size }) => sum + size, 0),
    ...describe(json<Config>(blob(config)), layers.map(blob)),
  };
}

/** A file as `docker save` writes it, with one image. Its layers are compressed here, the quick way. */
export function lookAtArchive(archive: string): Image {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-look-'));
  try {
    execute('tar', ['-xf', archive, '-C', folder]);
    const [found] = json<{ Config: string; Layers: string[] }[]>(join(folder, 'manifest.json'));
    if (found === undefined) throw new Error(`${archive} holds no image.`);
    const layers = [...new Set(found.Layers)].map((name) => join(folder, name));
    const squeezed = layers.map((path) => gzipSync(readFileSync(path), { level: 1 }).length);
    return {
      compressed: squeezed.reduce((sum, size) => sum + size, 0),
      ...describe(json<Config>(join(folder, found.Config)), layers),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe(
  { architecture, config }: Config,
  layers: readonly string[],
): Pick<Image, 'architecture' | 'user' | 'labels' | 'entries'> {
  const lines = layers.flatMap((path) =>
    execute('tar', ['--list', '--verbose', '--numeric-owner', '-f', path]).trim().split('\n'),
  );
  const entries = lines.flatMap((line): Entry[] => {
    const [, mode, owner, path] =
      /^(\S+)\s+(\S+)\s+\d+\s+\S+\s+\S+\s+(?:\.?\/)?(.*?)\/?(?: -> .*)?$/.exec(line) ?? [];
    if (mode === undefined || owner === undefined) throw new Error(`tar says: ${line}`);
    return [{ path: `/${path}`, mode, owner }];
  });
  return { architecture, user: config.User ?? '', labels: config.Labels ?? {}, entries };
}
