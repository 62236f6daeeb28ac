/**
 * A bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), made from what went into an image.
 * A scanner of finished images sees none of it: a bundle is one file, and there is no package database.
 */
import { createHash } from 'node:crypto';
import type { SystemPackage } from './platform.ts';

interface Component {
  readonly type: 'application' | 'container' | 'file' | 'library' | 'platform';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly licenses?: readonly [{ readonly expression: string }];
  readonly hashes?: readonly [{ readonly alg: string; readonly content: string }];
  readonly components?: readonly Component[];
  readonly evidence?: { readonly occurrences: readonly { readonly location: string }[] };
}

export interface Bom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: {
    readonly timestamp: string;
    readonly component: Component;
    readonly tools: { readonly components: readonly Component[] };
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** A package of npm, as package-lock.json has it. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-…`, in Base64. */
  readonly integrity?: string;
  readonly license?: string;
}

export interface Materials {
  /** `torwacht-agent` */
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** s since 1970 */
  readonly epoch: number;
  /** Files that are our own: their places, and the SHA-256 of each. */
  readonly own: ReadonlyMap<string, string>;
  /** Node.js with what is compiled into it, as `process.versions` has it. */
  readonly node?: {
    readonly place: string;
    readonly sha256: string;
    readonly versions: Readonly<Record<string, string>>;
  };
  readonly npm: readonly NpmPackage[];
  /** With the places of its files; none where it is compiled into one of ours. */
  readonly system: ReadonlyMap<SystemPackage, readonly string[]>;
}

export function bomOf(materials: Materials): Bom {
  const { name, version, epoch } = materials;
  const parts = [
    ...[...materials.own].map(([place, sha256]) => fileComponent(place, sha256, version)),
    ...(materials.node ? [nodeComponent(materials.node)] : []),
    ...materials.system.entries().map(systemComponent),
    ...materials.npm.map(npmComponent),
  ].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const ref = `${name}@${version}`;
  const content = createHash('sha256').update(JSON.stringify([materials.architecture, parts]));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid(content.digest())}`,
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: { type: 'container', 'bom-ref': ref, name, version, licenses: licence('MPL-2.0') },
      tools: {
        components: [{ type: 'application', 'bom-ref': 'tool', name: 'torwacht images', version }],
      },
    },
    components: parts,
    dependencies: [{ ref, dependsOn: parts.map((part) => part['bom-ref']) }],
  };
}

/** Packages: what has an address of its own, files of ours aside. */
export function packagesIn({ components }: Bom): readonly string[] {
  const all = (list: readonly Component[]): readonly Component[] =>
    list.flatMap((one) => [one, ...all(one.components ?? [])]);
  return all(components).flatMap(({ purl }) => purl ?? []);
}

/** Places of files that somebody answers for. */
export function placesIn({ components }: Bom): readonly string[] {
  return components
    .flatMap(({ evidence }) => evidence?.occurrences ?? [])
    .map(({ location }) => location);
}

const licence = (expression: string) => [{ expression }] as const;
const at = (...places: readonly string[]) => ({
  evidence: { occurrences: places.map((location) => ({ location })) },
});
const sha256Of = (content: string) => [{ alg: 'SHA-256', content }] as const;

function fileComponent(place: string, sha256: string, version: string): Component {
  return {
    ...{ type: 'file', 'bom-ref': `file:${place}`, name: place, version },
    licenses: licence('MPL-2.0'),
    hashes: sha256Of(sha256),
    ...at(place),
  };
}

/** Of `process.versions`, what is no library: numbers of interfaces, and data. */
const noLibraries = new Set(['node', 'modules', 'napi', 'cldr', 'tz', 'unicode']);

function nodeComponent({ place, sha256, versions }: NonNullable<Materials['node']>): Component {
  const { node = '' } = versions;
  const inside = Object.entries(versions)
    .filter(([name, version]) => version !== '' && !noLibraries.has(name))
    .map(([name, version]): Component => {
      const purl = `pkg:generic/${name}@${encodeURIComponent(version)}`;
      const known = name === 'openssl' ? { cpe: cpe('openssl', 'openssl', version) } : {};
      return { type: 'library', 'bom-ref': `node/${name}`, name, version, purl, ...known };
    });
  return {
    ...{ type: 'platform', 'bom-ref': 'node', name: 'node', version: node },
    purl: `pkg:generic/node@${node}`,
    cpe: cpe('nodejs', 'node.js', node),
    licenses: licence('MIT'),
    hashes: sha256Of(sha256),
    components: inside,
    ...at(place),
  };
}

const cpe = (vendor: string, product: string, version: string): string =>
  `cpe:2.3:a:${vendor}:${product}:${version.replaceAll('+', '\\+')}:*:*:*:*:*:*:*`;

/** https://github.com/package-url/purl-spec: types deb and npm. */
function systemComponent([one, places]: [SystemPackage, readonly string[]]): Component {
  const { name, version, architecture, vendor, release } = one;
  const address = `${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  const purl = `pkg:deb/${vendor}/${address}?arch=${architecture}&distro=${release}`;
  const found = places.length > 0 ? at(...[...places].sort()) : {};
  return { type: 'library', 'bom-ref': purl, name, version, purl, ...found };
}

function npmComponent({ name, version, integrity, license }: NpmPackage): Component {
  const [, scope, bare = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  const group = scope === undefined ? '' : `${encodeURIComponent(scope)}/`;
  const purl = `pkg:npm/${group}${bare}@${encodeURIComponent(version)}`;
  const [, base64] = /^sha512-(\S+)$/.exec(integrity ?? '') ?? [];
  const content = base64 && Buffer.from(base64, 'base64').toString('hex');
  return {
    ...{ type: 'library', 'bom-ref': purl, name: bare, version, purl },
    ...(scope === undefined ? {} : { group: scope }),
    ...(license === undefined ? {} : { licenses: licence(license) }),
    ...(content ? { hashes: [{ alg: 'SHA-512', content }] as const } : {}),
  };
}

/** Of random bytes in form; of the content in fact, so that the same image has the same. */
function uuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return [...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
