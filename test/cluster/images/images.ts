/**
 * The images of the test cluster, made without any registry: a folder with a Containerfile each, and
 * here what has to be in its context. An image is made again only when something of it has changed.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { failure } from '#api/error.ts';
import { buildImage } from '../../../scripts/images/buildah.ts';
import * as own from '../../../scripts/images/contents.ts';
import { labelValues } from '../../../scripts/images/labels.ts';
import { execute } from '../../lab/execute.ts';
import { errors } from '../errors.ts';
import { BUILD, ROOT } from '../names.ts';
import { run } from '../run.ts';

interface Recipe {
  /** Files beside the Containerfile's folder that make the image what it is. */
  readonly from: () => readonly string[];
  /** Puts what the Containerfile copies into `context`. */
  readonly fill: (context: string) => Promise<void> | void;
  /** Folder of the Containerfile, where it is not the image's name beside this file. */
  readonly folder?: string;
  /** Built as `make images` does: with these values, and without a time of its own. */
  readonly values?: Readonly<Record<string, string>>;
}

/** What `debian` has besides Debian's minimum. */
const PACKAGES = [
  'bind9-dnsutils',
  'ca-certificates',
  'curl',
  'iproute2',
  'procps',
  'python3-minimal',
];
/** What `podman` has: a container engine, and what it makes networks with. */
const ENGINE = ['crun', 'iproute2', 'iptables', 'netavark', 'podman'];
const SUITE = 'bookworm';

const busybox = (): string => execute('sh', ['-c', 'command -v busybox']).trim();
const source = (path: string): string => join(import.meta.dirname, path);
const coredns = join(BUILD, 'coredns');

/** An image that is released, as it is in this checkout. */
const ours = (name: own.ImageName): Recipe => ({
  from: () => own.filesOf(name),
  fill: (context) => own.fill(name, context),
  folder: join(ROOT, 'images', name),
  values: labelValues(),
});

const recipes = {
  pause: {
    from: () => [],
    fill: (context) => {
      compile('gcc', ['-static'], source('pause/pause.c'), join(context, 'pause'));
    },
  },
  coredns: {
    from: () => [coredns],
    fill: (context) => copyFileSync(coredns, join(context, 'coredns')),
  },
  busybox: {
    from: () => [busybox()],
    fill: smallSystem,
  },
  debian: {
    from: () => [process.execPath],
    fill: async (context) => {
      copyFileSync(await debianRoot(PACKAGES), join(context, 'root.tar'));
      copyFileSync(process.execPath, join(context, 'node'));
    },
  },
  podman: {
    from: () => [],
    fill: async (context) => {
      copyFileSync(await debianRoot(ENGINE), join(context, 'root.tar'));
      for (const name of ['storage.conf', 'containers.conf']) {
        copyFileSync(source(`podman/${name}`), join(context, name));
      }
    },
  },
  musl: {
    from: () => [busybox()],
    fill: (context) => {
      smallSystem(context);
      compile('musl-gcc', [], source('musl/resolve.c'), join(context, 'bin/resolve'));
      const loader = interpreter(join(context, 'bin/resolve'));
      mkdirSync(join(context, dirname(loader)), { recursive: true });
      copyFileSync(loader, join(context, loader));
    },
  },
  first: {
    from: () => [],
    fill: (context) => {
      for (const name of ['first', 'flood']) {
        compile('musl-gcc', ['-static'], source(`first/${name}.c`), join(context, name));
      }
    },
  },
  barrier: ours('barrier'),
  agent: ours('agent'),
  operator: ours('operator'),
  webhook: ours('webhook'),
} as const satisfies Record<string, Recipe>;

export type ImageName = keyof typeof recipes;

/** By this name manifests use it; `imagePullPolicy: Never` is what a tag other than latest implies. */
export function imageTag(name: ImageName): string {
  return `localhost/torwacht-test/${name}:1`;
}

/** The image as an archive; made when it is not there yet. @throws TW_CLUSTER_COMMAND */
export async function imageArchive(name: ImageName): Promise<string> {
  const recipe: Recipe = recipes[name];
  const folder = recipe.folder ?? source(name);
  const archives = join(BUILD, 'images');
  const { values } = recipe;
  const archive = join(archives, `${name}-${digest(folder, recipe.from(), values)}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(archives, { recursive: true });
  // One name per process: two that make the same image at once do not write into each other's.
  const context = mkdtempSync(join(archives, `making-${name}-`));
  try {
    await recipe.fill(context);
    const made = join(context, 'image.tar');
    const containerfile = join(folder, 'Containerfile');
    const plan = { tag: imageTag(name), containerfile, context };
    await buildImage(values === undefined ? plan : { ...plan, values, epoch: 0 }, made);
    renameSync(made, archive);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  for (const old of readdirSync(archives)) {
    const stale = old.startsWith(`${name}-`) && join(archives, old) !== archive;
    if (stale) rmSync(join(archives, old), { force: true });
  }
  return archive;
}

function digest(folder: string, others: readonly string[], values?: Recipe['values']): string {
  const hash = createHash('sha256').update([...PACKAGES, ...ENGINE].join(' '));
  if (values !== undefined) hash.update(JSON.stringify(values));
  const own = readdirSync(folder).sort();
  for (const path of [...own.map((name) => join(folder, name)), ...others]) {
    if (!existsSync(path)) throw failure(errors.notBuilt, { path });
    hash.update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}

function compile(compiler: string, flags: readonly string[], from: string, to: string): void {
  execute(compiler, ['-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', to, from]);
}

/** busybox under all of its names, and the accounts that tools look for. */
function smallSystem(context: string): void {
  for (const name of ['bin', 'etc', 'tmp']) mkdirSync(join(context, name), { recursive: true });
  copyFileSync(busybox(), join(context, 'bin/busybox'));
  const applets = execute(busybox(), ['--list']).trim().split('\n');
  for (const applet of applets) {
    if (applet !== 'busybox') symlinkSync('busybox', join(context, 'bin', applet));
  }
  writeFileSync(
    join(context, 'etc/passwd'),
    'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n',
  );
  writeFileSync(join(context, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
}

/** The loader that a dynamic program asks for: its ELF interpreter. */
function interpreter(program: string): string {
  const found = /program interpreter: ([^\]]+)\]/.exec(execute('readelf', ['-l', program]));
  return found?.[1] ?? '';
}

/** A Debian root as a tar; kept, for it takes half a minute and the network. */
async function debianRoot(packages: readonly string[]): Promise<string> {
  const key = createHash('sha256')
    .update([SUITE, ...packages].join(' '))
    .digest('hex')
    .slice(0, 12);
  const path = join(BUILD, 'images', `root-${key}.tar`);
  if (existsSync(path)) return path;
  const making = `${path}.${process.pid}.tar`;
  await run('mmdebstrap', [
    ...['--quiet', '--variant=minbase', `--include=${packages.join(',')}`],
    ...['--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/locale/*'],
    ...['--dpkgopt=path-exclude=/usr/share/man/*', SUITE, making],
  ]);
  renameSync(making, path);
  return path;
}
