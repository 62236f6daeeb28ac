/**
 * Removes what ended runs left. A run whose processes still live keeps its cgroup and its pins, so it
 * stays refused what it was refused; only `force` ends it.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPopulated, removeCgroup } from '../cgroup/cgroup.ts';
import { killAll } from '../cgroup/end.ts';
import { mounted, pinRoot, releaseBpffs, removeEmpty } from './bpffs.ts';
import {
  isListed,
  type Run,
  readRuns,
  removeRun,
  removeStateIfEmpty,
  startOf,
} from './registry.ts';

export interface Swept {
  /** Runs of which everything was removed. */
  readonly removed: readonly Run[];
  /** Runs that torwacht no longer attends, whose processes still live under enforcement. */
  readonly alive: readonly Run[];
  /** Runs that another torwacht attends. */
  readonly attended: readonly Run[];
}

/** `force`: end the processes of runs that nobody attends. */
export async function sweep(force = false): Promise<Swept> {
  const removed: Run[] = [];
  const alive: Run[] = [];
  const attended: Run[] = [];
  for (const run of readRuns()) {
    if (startOf(run.pid) === run.started) {
      attended.push(run);
      continue;
    }
    // One that ended by itself since it was read has removed everything, its file last.
    if (!isListed(run.id)) continue;
    if (isPopulated(run.cgroup)) {
      if (!force) {
        alive.push(run);
        continue;
      }
      await killAll(run.cgroup);
    }
    removeTraces(run);
    removed.push(run);
  }
  removeEmptyPins([...alive, ...attended]);
  if (alive.length + attended.length === 0) {
    releaseBpffs();
    removeStateIfEmpty();
  }
  return { removed, alive, attended };
}

/** The cgroup first: pins of a cgroup that cannot be removed must stay. */
export function removeTraces(run: Pick<Run, 'id' | 'cgroup' | 'pins'>): void {
  removeCgroup(run.cgroup);
  removePins(run.pins);
  removeRun(run.id);
}

export function removePins(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
  rmdirSync(folder);
}

/** Folders that a run made and died before it pinned anything. */
function removeEmptyPins(kept: readonly Run[]): void {
  const bpffs = mounted();
  const root = bpffs && pinRoot(bpffs);
  if (!root || !existsSync(root)) return;
  const known = new Set(kept.map((run) => run.id));
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    // A file is nothing of ours.
    if (entry.isDirectory() && !known.has(entry.name)) removeEmpty(join(root, entry.name));
  }
}
