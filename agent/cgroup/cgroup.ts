/**
 * One cgroup of the v2 tree: where a process is, a child of our own cgroup for a target, who is in it,
 * and its removal. How a cgroup's processes are ended is in end.ts.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';
import { findCgroup2, isWithin, type Mount, readMounts } from './mountinfo.ts';

export interface Cgroup {
  /** Folder of the cgroup file system, absolute. */
  readonly path: string;
  /** Path within the tree, as /proc/<pid>/cgroup shows it. */
  readonly name: string;
  /** The kernel's cgroup id: the inode number of the folder (kernfs_node id, 64 bits). */
  readonly id: bigint;
  /** Depth below the root of the tree, which is 0; see `rooted`. */
  readonly level: number;
  /**
   * False in a cgroup namespace of its own, where depth is counted from that namespace's root and the
   * kernel's ancestor level (bpf_get_current_ancestor_cgroup_id) is greater by an unknown number.
   */
  readonly rooted: boolean;
}

/** Names of our cgroups start so; a sweep of leftovers looks for nothing else. */
export const CGROUP_PREFIX = 'torwacht-';

/** Inode of the first cgroup namespace, PROC_CGROUP_INIT_INO in include/linux/proc_ns.h. */
const FIRST_CGROUP_NAMESPACE = 0xeffffffbn;

/** The cgroup of a process, as this process sees the tree. */
export function cgroupOf(
  pid: number | 'self' = 'self',
  mounts: readonly Mount[] = readMounts(),
): Cgroup {
  const mount = findCgroup2(mounts);
  const name = parseOwnCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  if (name === undefined) throw failure(errors.noOwnCgroup, { pid });
  return describe(cgroupPath(name, mount), name);
}

/** The `0::` line is the v2 tree; the others are v1 hierarchies (cgroups(7)). */
export function parseOwnCgroup(text: string): string | undefined {
  const line = text.split('\n').find((entry) => entry.startsWith('0::'));
  return line?.slice(3).replace(/ \(deleted\)$/, '');
}

/**
 * The folder of a cgroup. A mount may show a part of the tree only (its root field).
 * @throws TW_HOST_CGROUP_OUTSIDE
 */
export function cgroupPath(name: string, mount: Pick<Mount, 'root' | 'path'>): string {
  if (!isWithin(name, mount.root) || name.startsWith('/..')) {
    throw failure(errors.outsideMount, { cgroup: name, path: mount.path });
  }
  const rest = mount.root === '/' ? name : name.slice(mount.root.length);
  return rest === '/' || rest === '' ? mount.path : `${mount.path}${rest}`;
}

/** Depth in the tree: 0 for the root, 1 for its children. */
export function levelOf(name: string): number {
  return name.split('/').filter((part) => part !== '').length;
}

function describe(path: string, name: string): Cgroup {
  return {
    path,
    name,
    id: statSync(path, { bigint: true }).ino,
    level: levelOf(name),
    rooted: statSync('/proc/self/ns/cgroup', { bigint: true }).ino === FIRST_CGROUP_NAMESPACE,
  };
}

export function newCgroupId(): string {
  return randomBytes(6).toString('hex');
}

/**
 * Makes `torwacht-<id>` below a cgroup. No controller is enabled, so the parent may hold processes
 * itself ("no internal processes" is a rule about controllers).
 * @throws TW_HOST_CGROUP_CREATE, TW_HOST_CGROUP2_READ_ONLY
 */
export function createCgroup(parent: Cgroup, id: string): Cgroup {
  const name = `${parent.name === '/' ? '' : parent.name}/${CGROUP_PREFIX}${id}`;
  const path = `${parent.path}/${CGROUP_PREFIX}${id}`;
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EROFS') {
      throw failure(errors.readOnlyCgroup2, { path: parent.path }, cause);
    }
    throw failure(errors.cannotCreate, { path }, cause);
  }
  return describe(path, name);
}

/** Does any process live in the cgroup or below it? A cgroup that is gone holds none. */
export function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(readIfThere(`${path}/cgroup.events`));
}

/** Process ids in the cgroup and all below it; processes of other PID namespaces show as 0. */
export function membersOf(path: string): readonly number[] {
  return treeOf(path).flatMap((folder) =>
    readIfThere(`${folder}/cgroup.procs`).split('\n').filter(Boolean).map(Number),
  );
}

/** The cgroup's folder and all below, parents first. Empty when it is gone. */
export function treeOf(path: string): readonly string[] {
  let entries: readonly string[];
  try {
    entries = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  return [path, ...entries.flatMap((entry) => treeOf(`${path}/${entry}`))];
}

/** Ids of the cgroup and of all below it, as the kernel gives them: the folders' inodes. */
export function cgroupIds(path: string): ReadonlySet<bigint> {
  const ids = new Set<bigint>();
  for (const folder of treeOf(path)) {
    try {
      ids.add(statSync(folder, { bigint: true }).ino);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return ids;
}

/** Removes the cgroup with its children, children first. One that is gone is no error; EBUSY is. */
export function removeCgroup(path: string): void {
  for (const folder of treeOf(path).toReversed()) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

/** ENODEV is what a file of a removed cgroup says to whoever still had its folder. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENODEV';
}
