/** What our images hold: what was built, Node.js, their libraries, and places to mount something at. */
import { join } from 'node:path';
import { BUILD, ROOT } from './places.ts';
import { host, type Platform } from './platform.ts';
import { fillRoot } from './root.ts';

export const imageNames = ['agent', 'operator', 'webhook', 'barrier'] as const;
export type ImageName = (typeof imageNames)[number];

interface Contents {
  /** Files that `make` builds, by their place in the image. */
  readonly built: Readonly<Record<string, string>>;
  readonly node: boolean;
  /** The image is read-only: what a manifest mounts needs a folder. */
  readonly folders: readonly string[];
}

const LIB = '/usr/lib/torwacht';
export const NODE_PLACE = '/usr/bin/node';
const account = 'var/run/secrets/kubernetes.io/serviceaccount';

const program = (name: 'operator' | 'webhook'): Contents => ({
  built: { [`${LIB}/torwacht-${name}.mjs`]: `torwacht-${name}.mjs` },
  node: true,
  folders: [account, 'tmp', 'proc'],
});

export const contents: Readonly<Record<ImageName, Contents>> = {
  agent: {
    built: {
      [`${LIB}/torwacht-agent.mjs`]: 'torwacht-agent.mjs',
      [`${LIB}/torwacht-parent`]: 'torwacht-parent',
      [`${LIB}/torwacht.node`]: 'torwacht.node',
      [`${LIB}/bpf/engine.bpf.o`]: 'bpf/engine.bpf.o',
    },
    node: true,
    folders: [
      ...['etc/torwacht/bundle', 'run/containerd', 'run/torwacht-agent', 'sys/fs'],
      ...['var/lib/torwacht', account, 'tmp', 'proc'],
    ],
  },
  operator: program('operator'),
  webhook: program('webhook'),
  barrier: { built: { '/barrier': 'barrier' }, node: false, folders: [] },
};

/** Files that make an image what it is, of what was built here or in another folder. */
export function filesOf(name: ImageName, build = BUILD, { node }: Platform = host()): string[] {
  const built = Object.values(contents[name].built).map((file) => join(build, file));
  return contents[name].node ? [...built, node] : built;
}

export const containerfile = (name: ImageName): string =>
  join(ROOT, 'images', name, 'Containerfile');

/** Makes the folder `root` of an image's context; the Containerfile copies it. */
export function fill(
  name: ImageName,
  context: string,
  build = BUILD,
  platform: Platform = host(),
): void {
  const { built, node, folders } = contents[name];
  const files = Object.entries(built).map(([to, from]) => [join(build, from), to] as const);
  if (node) files.unshift([platform.node, NODE_PLACE]);
  fillRoot(join(context, 'root'), new Map(files), folders, platform);
}
