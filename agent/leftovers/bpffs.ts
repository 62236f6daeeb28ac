/**
 * The BPF file system that holds the pinned links. A host without one gets it at the usual place, and
 * loses it again when the last run that needed it has ended.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { SCHEMA } from '#bpf/layout.ts';
import { findBpfMounts, readMounts } from '../cgroup/mountinfo.ts';
import { errors } from './errors.ts';
import { prepareState, STATE } from './registry.ts';

const USUAL = '/sys/fs/bpf';
/** We run as root: a caller's PATH must not choose our programs. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Stands while the mount is ours. */
const MARK = join(STATE, 'bpffs-mounted');

/** Folder of all pins on this host; its name carries the schema of what is pinned. */
export function pinRoot(bpffs: string): string {
  return join(bpffs, 'torwacht', `v${SCHEMA}`);
}

/**
 * Where a BPF file system is mounted, mounting one if there is none. It cannot be unmounted before
 * `done`: a run that ends at this moment must not take away the mount that this one pins to.
 * @throws TW_HOST_BPFFS
 */
export function useBpffs(): { path: string; done(): void } {
  for (let attempt = 0; ; attempt++) {
    const path = mounted() ?? mount();
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    if (mounted() === path && fstatSync(fd).dev === statSync(path).dev) {
      return { path, done: () => closeSync(fd) };
    }
    closeSync(fd);
    if (attempt === 10)
      throw failure(errors.mountBpf, { path, reason: 'it is unmounted again and again' });
  }
}

/** The mark stands first: whoever dies in between leaves a mark without a mount, which is harmless. */
function mount(): string {
  prepareState();
  writeFileSync(MARK, '');
  try {
    execFileSync('mount', ['-t', 'bpf', '-o', 'mode=0700', 'bpf', USUAL], {
      stdio: 'pipe',
      env: { PATH: SYSTEM_PATH },
    });
  } catch (cause) {
    const reason = String((cause as { stderr?: Buffer }).stderr ?? (cause as Error).message).trim();
    rmSync(MARK, { force: true });
    throw failure(errors.mountBpf, { path: USUAL, reason }, cause);
  }
  return USUAL;
}

/** Removes our empty folders, and the mount if we made it and nobody else uses it. */
export function releaseBpffs(): void {
  const at = mounted();
  if (at) {
    for (const folder of [pinRoot(at), join(at, 'torwacht')]) removeEmpty(folder);
    const unused = readdirSync(at).every((name) => name.endsWith('.debug'));
    if (!existsSync(MARK) || !unused) return;
    try {
      execFileSync('umount', [at], { stdio: 'pipe', env: { PATH: SYSTEM_PATH } });
    } catch {
      return; // busy: someone uses it after all, and it may stay
    }
  }
  rmSync(MARK, { force: true });
}

/** Where one is mounted, if there is one. */
export function mounted(): string | undefined {
  return findBpfMounts(readMounts())[0]?.path;
}

/** Others may have something beside ours; then it stays. Gives whether it was removed. */
export function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
    return false;
  }
}
