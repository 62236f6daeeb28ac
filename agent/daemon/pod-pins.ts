/**
 * The folders of pins of this node's pods. Each says in a link of its own which cgroup it is for, so that any
 * later agent can tell what is over: with the cgroup its programs are gone, and with the folder the last trace.
 */
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { removeEmpty } from '../leftovers/bpffs.ts';
import { removePins } from '../leftovers/sweep.ts';

/** A symbolic link on the BPF file system; no program is called so. */
const RECORD = 'cgroup';

/** Makes a pod's folder before anything is pinned there. Doing it again is fine. */
export function preparePins(folder: string, cgroup: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const record = join(folder, RECORD);
  const before = readRecord(folder);
  if (before === cgroup) return;
  if (before !== undefined) unlinkSync(record);
  symlinkSync(cgroup, record);
}

/**
 * Removes the folders of pods whose cgroup is gone; their names are given back. What pins links and says not
 * for which cgroup is left alone: nobody can tell whether it holds something that lives.
 */
export function sweepPins(root: string, cgroupExists: (name: string) => boolean): string[] {
  return foldersIn(root).filter((name) => {
    const folder = join(root, name);
    const cgroup = readRecord(folder);
    // Whoever made it died before the first link.
    if (cgroup === undefined) return removeEmpty(folder);
    if (cgroupExists(cgroup)) return false;
    removePins(folder);
    return true;
  });
}

function foldersIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readRecord(folder: string): string | undefined {
  try {
    return readlinkSync(join(folder, RECORD));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
