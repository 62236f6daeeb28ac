/**
 * Unix sockets that other programs listen on and that the command could see by a path: the daemons
 * that would act for it. A path socket can be reached from every network namespace, so the sockets of
 * all of them count, under whatever name our mounts show them.
 *
 * What is made after the command has started is not found here.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

import { type Mount, readMounts, samePaths } from '#agent/cgroup/mountinfo.ts';

export interface BoundSockets {
  /** Resolved paths in our own view. */
  readonly paths: readonly string[];
  /** Names in the abstract namespace of our own network namespace, without the leading zero byte. */
  readonly abstract: readonly string[];
}

/** A process whose view a bound name may have been meant in. */
interface View {
  readonly pid: number;
  readonly mountNamespace: string;
  /** As our own mount namespace names it, when it is the same; else as the process's does. */
  readonly root: string;
  readonly cwd: string;
}

/**
 * The names in a /proc/<pid>/net/unix (net/unix/af_unix.c, unix_seq_show): the eighth column, which
 * only bound sockets have. An abstract name starts with `@`, as does a path that is relative to it;
 * the kernel does not tell them apart.
 */
export function parseUnixTable(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => /^\S+: \S+ \S+ \S+ \S+ \S+ +\d+ (.+)$/.exec(line)?.[1])
    .filter((name) => name !== undefined);
}

/** @param known paths that may be sockets of agents that are not running yet */
export function boundSockets(mounts: readonly Mount[], known: readonly string[]): BoundSockets {
  const processes = listProcesses();
  const tables = distinct(processes, (pid) => link(`/proc/${pid}/ns/net`)).map(readTable);
  const own = parseUnixTable(readFileSync('/proc/self/net/unix', 'utf8'));
  const names = new Set([...own, ...tables.flat()]);
  const views = processes.map(viewOf);
  const absolute = [...names].filter((name) => name.startsWith('/'));
  const relative = [...names].filter((name) => !name.startsWith('/'));
  const roots = distinct(views, (view) => `${view.mountNamespace} ${view.root}`);
  const folders = distinct(views, (view) => `${view.mountNamespace} ${view.cwd}`);
  const found = [
    ...roots.flatMap((view) => seenAt(view, view.root, absolute, mounts)),
    ...folders.flatMap((view) => seenAt(view, view.cwd, relative, mounts)),
  ];
  return {
    paths: [...new Set([...known, ...found])].filter(isSocket).sort(),
    abstract: [...new Set(own.filter((name) => name.startsWith('@')).map((name) => name.slice(1)))],
  };
}

/** Our own paths for those names, taken from a folder of the view, that are sockets there. */
function seenAt(
  view: View,
  folder: string,
  names: readonly string[],
  own: readonly Mount[],
): readonly string[] {
  if (names.length === 0) return [];
  const same = view.mountNamespace === link('/proc/self/ns/mnt');
  const prefix = folder === '/' ? '' : folder;
  const paths = names
    .map((name) => posix.normalize(`${prefix}/${name}`))
    .filter((path) => isSocket(same ? path : `/proc/${view.pid}/root${path}`));
  if (paths.length === 0) return [];
  const theirs = same ? own : mountsOf(view.pid);
  return paths.flatMap((path) => samePaths(path, theirs, own));
}

function mountsOf(pid: number): readonly Mount[] {
  try {
    return readMounts(pid);
  } catch {
    return [];
  }
}

function viewOf(pid: number): View {
  return {
    pid,
    mountNamespace: link(`/proc/${pid}/ns/mnt`) ?? '',
    root: link(`/proc/${pid}/root`) ?? '/',
    cwd: link(`/proc/${pid}/cwd`) ?? '/',
  };
}

function listProcesses(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readTable(pid: number): readonly string[] {
  try {
    return parseUnixTable(readFileSync(`/proc/${pid}/net/unix`, 'utf8'));
  } catch {
    // The process has ended meanwhile; so have its own sockets, or another process shows them.
    return [];
  }
}

function distinct<T>(list: readonly T[], key: (item: T) => string | undefined): readonly T[] {
  const seen = new Map<string, T>();
  for (const item of list) {
    const name = key(item);
    if (name !== undefined && !seen.has(name)) seen.set(name, item);
  }
  return [...seen.values()];
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

export function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}
