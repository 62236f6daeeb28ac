/**
 * The mount table of a process, as /proc/<pid>/mountinfo gives it (proc_pid_mountinfo(5)), and the few
 * questions that we ask of it: where cgroup2 is, where bpf file systems are, and under which other
 * paths a file can be seen.
 */
import { readFileSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';

export interface Mount {
  readonly id: number;
  readonly parent: number;
  /** `major:minor` of st_dev. */
  readonly device: string;
  /** The folder (or file) of the file system that is shown at `path`. */
  readonly root: string;
  readonly path: string;
  /** Options of this mount, then those of the file system. */
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
  readonly type: string;
}

/** The mounts that this process can reach by a path. */
export function readMounts(pid: number | 'self' = 'self'): readonly Mount[] {
  return visibleMounts(parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'latin1')));
}

/** @param text the file read as latin1, so that paths keep their bytes until they are unescaped */
export function parseMounts(text: string): readonly Mount[] {
  return text
    .split('\n')
    .map(parseMount)
    .filter((mount) => mount !== undefined);
}

function parseMount(line: string): Mount | undefined {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parent, device, root, path, options] = fields;
  const [type, , superOptions] = fields.slice(separator + 1);
  if (separator < 0 || device === undefined || root === undefined || path === undefined) {
    return undefined;
  }
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: unescapePath(root),
    path: unescapePath(path),
    options: (options ?? '').split(','),
    superOptions: (superOptions ?? '').split(','),
    type: type ?? '',
  };
}

/** The kernel writes space, tab, newline, backslash and `#` as octal (fs/proc_namespace.c, mangle). */
function unescapePath(field: string): string {
  const bytes = field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Is `path` this folder, or below it? Both absolute and without `.` or trailing slash. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/**
 * The mounts that a path look-up can reach. A mount on the root of another hides it and all that it
 * carries; a mount hides the older ones below its path.
 */
export function visibleMounts(mounts: readonly Mount[]): readonly Mount[] {
  const ids = new Set(mounts.map((mount) => mount.id));
  const children = Map.groupBy(mounts, (mount) => mount.parent);
  const reach = (mount: Mount): readonly Mount[] => {
    const below = (children.get(mount.id) ?? []).filter((child) => child.id !== mount.id);
    const onTop = below.find((child) => child.path === mount.path);
    if (onTop !== undefined) return reach(onTop);
    const shown = below.filter(
      (child) => !below.some((other) => other !== child && isWithin(child.path, other.path)),
    );
    return [mount, ...shown.flatMap(reach)];
  };
  return mounts
    .filter((mount) => !ids.has(mount.parent) || mount.parent === mount.id)
    .flatMap(reach);
}

/**
 * The cgroup2 mount to work in: the one that shows most of the tree, the shortest path among equals.
 * Hybrid hosts have it beside the v1 controllers, mostly at /sys/fs/cgroup/unified.
 * @throws TW_HOST_NO_CGROUP2
 */
export function findCgroup2(mounts: readonly Mount[]): Mount {
  const [found] = mounts
    .filter((mount) => mount.type === 'cgroup2')
    .sort((a, b) => a.root.length - b.root.length || a.path.length - b.path.length);
  if (found === undefined) throw failure(errors.noCgroup2);
  return found;
}

export function findBpfMounts(mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter((mount) => mount.type === 'bpf');
}

/** The mount that a path lies in; undefined only for a table without a root mount. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts.reduce<Mount | undefined>(
    (best, mount) =>
      isWithin(path, mount.path) && mount.path.length >= (best?.path.length ?? 0) ? mount : best,
    undefined,
  );
}

/**
 * Every path under which `there` shows the file that `here` shows at `path`: bind mounts show one
 * file in several places, and another mount namespace may show it elsewhere.
 */
export function samePaths(
  path: string,
  here: readonly Mount[],
  there: readonly Mount[] = here,
): readonly string[] {
  const mount = mountOf(path, here);
  if (mount === undefined) return [];
  const inFileSystem = join(mount.root, below(path, mount.path));
  return there
    .filter((other) => other.device === mount.device && isWithin(inFileSystem, other.root))
    .map((other) => ({ other, seen: join(other.path, below(inFileSystem, other.root)) }))
    .filter(({ other, seen }) => mountOf(seen, there) === other)
    .map(({ seen }) => seen);
}

/** What follows `folder` in a path within it: empty, or with a leading slash. */
function below(path: string, folder: string): string {
  return path === folder ? '' : path.slice(folder === '/' ? 0 : folder.length);
}

function join(folder: string, rest: string): string {
  return rest === '' ? folder : `${folder === '/' ? '' : folder}${rest}`;
}
