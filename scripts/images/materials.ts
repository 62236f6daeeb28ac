/** What went into an image, asked of those who know: dpkg, package-lock.json, Node.js and the bundler. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contents, type ImageName, NODE_PLACE } from './contents.ts';
import { version } from './labels.ts';
import { BUILD, ROOT } from './places.ts';
import { host, type Platform, type SystemPackage } from './platform.ts';
import type { Materials, NpmPackage } from './sbom.ts';

export interface Made {
  /** Where `make` has put what it built. */
  readonly build?: string;
  readonly platform?: Platform;
  /** s since 1970 */
  readonly epoch: number;
}

/** What is compiled into ours without a library of its own: musl, and headers of libbpf in the eBPF object. */
const compiledIn: Readonly<Record<ImageName, readonly string[]>> = {
  agent: ['musl-dev', 'libbpf-dev'],
  operator: [],
  webhook: [],
  barrier: ['musl-dev'],
};

export function materialsOf(name: ImageName, made: Made): Materials {
  const { build = BUILD, platform = host(), epoch } = made;
  const { built, node } = contents[name];
  const files = Object.entries(built).map(([place, file]) => [place, join(build, file)] as const);
  const bundles = Object.values(built).filter((file) => file.endsWith('.mjs'));
  const linked = [...files.map(([, file]) => file), ...(node ? [platform.node] : [])];
  return {
    name: `torwacht-${name}`,
    version: version(),
    architecture: platform.architecture,
    epoch,
    own: new Map(files.map(([place, file]) => [place, sha256(file)])),
    ...(node && {
      node: {
        place: NODE_PLACE,
        sha256: sha256(platform.node),
        versions: process.versions as never,
      },
    }),
    npm: npmPackages(bundles.map((file) => join(build, file.replace(/\.mjs$/, '.packages.json')))),
    system: systemPackages(platform, linked, compiledIn[name]),
  };
}

function systemPackages(
  platform: Platform,
  linked: readonly string[],
  compiled: readonly string[],
): Materials['system'] {
  const libraries = new Map(
    linked.flatMap((file) => platform.libraries(file)).map(({ from, to }) => [to, from]),
  );
  const found = new Map<string, { one: SystemPackage; places: string[] }>();
  const add = (one: SystemPackage, ...places: string[]): void => {
    const known = found.get(one.name) ?? { one, places: [] };
    known.places.push(...places);
    found.set(one.name, known);
  };
  for (const [to, from] of libraries) add(platform.owner(from), to);
  for (const name of compiled) add(platform.package(name));
  return new Map([...found.values()].map(({ one, places }) => [one, places]));
}

interface Locked {
  readonly name?: string;
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
}

/** @param lists what the bundler has written: keys of package-lock.json */
function npmPackages(lists: readonly string[]): readonly NpmPackage[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const keys = lists.flatMap((list) => JSON.parse(readFileSync(list, 'utf8')) as string[]);
  const found = keys.map((key): [string, NpmPackage] => {
    const locked = lock.packages[key];
    if (locked === undefined)
      throw new Error(`${key} is in a bundle and not in package-lock.json.`);
    const { version: exact, integrity, license } = locked;
    const name = locked.name ?? key.slice(key.lastIndexOf('node_modules/') + 13);
    return [
      `${name}@${exact}`,
      { name, version: exact, ...(integrity && { integrity }), ...(license && { license }) },
    ];
  });
  // Two copies of one version are one package.
  return [...new Map(found).values()];
}

const sha256 = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');
