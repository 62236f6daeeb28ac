/**
 * The choice of folders that the command may write to: the working folder, HOME, and what flags name.
 * A working folder or HOME that may not be writable stays read-only with a notice; a flag that cannot
 * be followed is an error.
 */

import { isWithin } from '#agent/cgroup/mountinfo.ts';
import { type ErrorSpec, failure } from '#api/error.ts';

import { errors } from './errors.ts';
import type { HostFacts } from './facts.ts';
import { privateFolders, refusedBecause } from './folders.ts';

export interface Writable {
  /** Parents before children; none lies within another. */
  readonly folders: readonly string[];
  /** The working folder is not shown (it lies in /run or the like): an empty one is made for it. */
  readonly emptyCwd: boolean;
  readonly notices: readonly string[];
}

/** Never writable, whatever a flag says: they are the sandbox. */
const never = ['/', '/dev', '/proc', '/run', '/sys', '/etc/torwacht'];

export function chooseWritable(
  facts: Pick<HostFacts, 'cwd' | 'home' | 'mounts'>,
  allowWrite: readonly string[],
): Writable {
  const notices: string[] = [];
  const folders: string[] = [];
  const consider = (path: string, what: string) => {
    const reason = refusedBecause(path, facts.mounts);
    if (reason === undefined) folders.push(path);
    else if (!isAllowed(path, allowWrite))
      notices.push(`The ${what} ${path} stays read-only: ${reason}.`);
  };
  for (const path of allowWrite) folders.push(checked(path, errors.allowWrite));
  consider(facts.cwd, 'working folder');
  if (facts.home === undefined) notices.push('The user has no home folder: HOME is /tmp.');
  else if (facts.home !== facts.cwd) consider(facts.home, 'home folder');
  const kept = outermost(folders);
  const covers = (path: string) => kept.some((folder) => isWithin(path, folder));
  const inPrivate = ['/run', '/dev', ...privateFolders].some((folder) =>
    isWithin(facts.cwd, folder),
  );
  return { folders: kept, emptyCwd: inPrivate && !covers(facts.cwd), notices };
}

function isAllowed(path: string, allowWrite: readonly string[]): boolean {
  return allowWrite.some((folder) => isWithin(path, folder));
}

/** A path that a flag may open. @throws `spec` for what holds the command */
export function checked(path: string, spec: ErrorSpec): string {
  const within = never.find(
    (folder) => path === folder || (folder !== '/' && isWithin(path, folder)),
  );
  if (within !== undefined) {
    throw failure(spec, { path, reason: `${within} is what holds the command` });
  }
  return path;
}

/** Without those that lie within another: a second bind would only lay the same files over itself. */
function outermost(folders: readonly string[]): readonly string[] {
  const sorted = [...new Set(folders)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return sorted.filter(
    (path, index) => !sorted.slice(0, index).some((folder) => isWithin(path, folder)),
  );
}
