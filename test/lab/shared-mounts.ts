/**
 * Two mounts that labs share and that outlive one of them: /run/netns, which `ip netns` makes on
 * first use, and bpffs on /sys/fs/bpf, which is mounted outside of the labs' private mount namespaces
 * so that what a program pins there outlives it, as on any machine. Who finds one missing leaves a
 * note, and the last lab takes it away again.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { attempt, execute, pause } from './execute.ts';
import { ownerLives, PREFIX, parseOwner, SHARING } from './names.ts';
import { listNamespaces, NETNS_FOLDER } from './namespaces.ts';

const BPFFS = '/sys/fs/bpf';
const LOCK = `/run/${PREFIX}lock`;
const NOTES = { netns: `/run/${PREFIX}made-netns`, bpffs: `/run/${PREFIX}made-bpffs` } as const;

/** Runs `make` (which adds the lab's namespaces) with both mounts in place. */
export function withSharedMounts(id: string, make: () => void): void {
  locked(id, () => {
    if (!isMountPoint(NETNS_FOLDER)) writeFileSync(NOTES.netns, '');
    make();
    if (isMountPoint(BPFFS)) return;
    writeFileSync(NOTES.bpffs, '');
    mkdirSync(BPFFS, { recursive: true });
    execute('mount', ['-t', 'bpf', '-o', 'nosuid,nodev,noexec,mode=700', 'bpf', BPFFS]);
  });
}

/** Takes away what labs have mounted, unless a lab still lives or somebody else uses it now. */
export function releaseSharedMounts(id: string): void {
  locked(id, () => {
    const sharing = (name: string) => SHARING.some((prefix) => name.startsWith(prefix));
    if (listNamespaces().some(sharing)) return;
    release(NOTES.bpffs, BPFFS);
    if (release(NOTES.netns, NETNS_FOLDER)) rmSync(NETNS_FOLDER, { recursive: true, force: true });
  });
}

/** Was it ours to unmount, and is it gone now? */
function release(note: string, path: string): boolean {
  if (!existsSync(note) || !onlyFolders(path)) return false;
  if (isMountPoint(path)) attempt('umount', [path]);
  if (isMountPoint(path)) return false;
  rmSync(note);
  return true;
}

export function isMountPoint(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path);
}

/** Pins are files; empty folders go with the mount. The kernel puts the two `.debug` files itself. */
function onlyFolders(path: string): boolean {
  if (!existsSync(path)) return true;
  return readdirSync(path, { withFileTypes: true }).every((entry) =>
    entry.isDirectory() ? onlyFolders(join(path, entry.name)) : entry.name.endsWith('.debug'),
  );
}

/** A symbolic link is made atomically and can say who holds it, so a dead holder's is taken over. */
function locked(id: string, work: () => void): void {
  for (let waited = 0; ; waited += 10) {
    try {
      symlinkSync(id, LOCK);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (waited > 10_000) throw failure(errors.lock, { path: LOCK }, error);
      takeFromTheDead();
      pause(10);
    }
  }
  try {
    work();
  } finally {
    unlinkSync(LOCK);
  }
}

function takeFromTheDead(): void {
  try {
    const holder = parseOwner(readlinkSync(LOCK));
    if (holder === undefined || !ownerLives(holder)) unlinkSync(LOCK);
  } catch {
    // Released in the meantime.
  }
}
