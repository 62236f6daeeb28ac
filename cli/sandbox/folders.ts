/**
 * Which folders a command may write to, and what stays closed below them. A folder is judged by what
 * its file system shows, not by its name: a bind mount of `/` under HOME is the host's root.
 */
import { isWithin, type Mount, mountOf, samePaths } from '#agent/cgroup/mountinfo.ts';

/** Private and empty for the command, everybody may write: the host's own are not shown. */
export const privateFolders = ['/tmp', '/var/tmp', '/dev/shm'] as const;

/** What belongs to the system: writing here would act on the host outside the sandbox. */
export const systemFolders: readonly string[] = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/nix/store',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var/cache/apt',
  '/var/lib/apt',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lib/dpkg',
  '/var/lib/kubelet',
  '/var/lib/rpm',
  '/var/lib/systemd',
  '/var/run',
  '/var/spool',
];

/** Below these lie sources and builds of people; they are no part of the running system. */
const sourceFolders: readonly string[] = ['/usr/src', '/usr/local/src'];

/** Folders that hold what belongs to several people: each below may be writable, not they. */
const sharedFolders: readonly string[] = ['/home', '/media', '/mnt', '/opt', '/srv', '/var/lib'];

/** These file systems are doors to the kernel or to processes; nowhere but at their own place. */
const doors = new Set(['bpf', 'configfs', 'debugfs', 'proc', 'securityfs', 'tracefs']);
/** Readable elsewhere, but closed where the command may write. */
const doorsWhenWritable = new Set([
  'binder',
  'binfmt_misc',
  'cgroup',
  'cgroup2',
  'devpts',
  'devtmpfs',
  'efivarfs',
  'fusectl',
  'mqueue',
  'nsfs',
  'pstore',
  'resctrl',
  'rpc_pipefs',
  'selinuxfs',
  'sysfs',
]);

/**
 * Why a folder is not made writable; undefined when it may be.
 * @param path resolved: no links in it
 * @param mounts the visible mounts of the host
 */
export function refusedBecause(path: string, mounts: readonly Mount[]): string | undefined {
  if (path === '/') return 'it is the root of the system';
  if ((privateFolders as readonly string[]).includes(path)) {
    return 'it is private to the command, which finds it empty';
  }
  if (sharedFolders.includes(path)) return 'it holds what belongs to several people';
  if (sourceFolders.some((folder) => path !== folder && isWithin(path, folder))) return undefined;
  if (privateFolders.some((folder) => isWithin(path, folder))) return aliasOfSystem(path, mounts);
  for (const folder of systemFolders) {
    if (isWithin(path, folder)) return `${folder} belongs to the system`;
    if (isWithin(folder, path)) return `it holds ${folder}, which belongs to the system`;
  }
  return aliasOfSystem(path, mounts);
}

function aliasOfSystem(path: string, mounts: readonly Mount[]): string | undefined {
  for (const folder of systemFolders) {
    for (const alias of samePaths(folder, mounts)) {
      if (alias === folder) continue;
      const inner = isNestedMount(mountOf(alias, mounts), path);
      if (!inner && (isWithin(path, alias) || isWithin(alias, path))) {
        return `it shows ${folder}, which belongs to the system`;
      }
    }
  }
  return undefined;
}

function isNestedMount(mount: Mount | undefined, folder: string): boolean {
  return mount !== undefined && mount.path !== folder && isWithin(mount.path, folder);
}

export interface ClosedMounts {
  /** To be covered by an empty folder. */
  readonly hidden: readonly string[];
  /** Mounts below a writable folder that show a part of the system: to be made read-only. */
  readonly readOnly: readonly string[];
}

/** What of the host's mounts must be closed in the command's view, given its writable folders. */
export function closedMounts(mounts: readonly Mount[], writable: readonly string[]): ClosedMounts {
  const inWritable = (path: string) => writable.some((folder) => isWithin(path, folder));
  const replaced = (path: string) => ['/proc', '/dev', '/run'].some((top) => isWithin(path, top));
  const shown = mounts.filter((mount) => !replaced(mount.path));
  const hidden = shown
    .filter(
      (mount) =>
        doors.has(mount.type) || (doorsWhenWritable.has(mount.type) && inWritable(mount.path)),
    )
    .map((mount) => mount.path);
  const runs = samePaths('/run', mounts).filter((path) => path !== '/run');
  const system = systemFolders.flatMap((folder) => samePaths(folder, mounts));
  const readOnly = shown
    .filter((mount) => inWritable(mount.path) && !hidden.includes(mount.path))
    .filter((mount) =>
      system.some((path) => isWithin(path, mount.path) || isWithin(mount.path, path)),
    )
    .map((mount) => mount.path);
  return { hidden: [...new Set([...hidden, ...runs])], readOnly };
}
