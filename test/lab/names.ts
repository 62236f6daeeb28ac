/**
 * Names of what a lab makes. The name alone tells whose it is: the owner's pid and start time are in
 * it, so a sweep can tell a lab in use from one that a killed run left, with no state anywhere else.
 */
import { readFileSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

/** Everything of a lab that can be seen from outside starts with this. */
export const PREFIX = 'twlab-';

/** Namespaces that stand on what labs share: theirs, and those of clusters (../cluster). */
export const SHARING = [PREFIX, 'twcluster-'] as const;

export interface LabName {
  /** `twlab-<pid>-<start>-<random>[-label]`. */
  readonly id: string;
  readonly pid: number;
  /** Start time of the owner in clock ticks since boot, `/proc/<pid>/stat` field 22. */
  readonly start: string;
}

const SHAPE = /^twlab-(\d+)-(\d+)-[0-9a-f]{8}(?:-[a-z0-9]{1,16})?/;

/** @param random eight hex digits @param label a word for people who look at `ip netns` */
export function labName(pid: number, random: string, label?: string): LabName {
  if (label !== undefined && !/^[a-z0-9]{1,16}$/.test(label)) {
    throw failure(errors.label, { name: label });
  }
  const start = processStart(pid) ?? '0';
  const id = `${PREFIX}${pid}-${start}-${random}${label === undefined ? '' : `-${label}`}`;
  return { id, pid, start };
}

/** The owner named by `name` (a namespace, folder or lock of ours), or undefined if it is not ours. */
export function parseOwner(name: string): Pick<LabName, 'pid' | 'start'> | undefined {
  const match = SHAPE.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { pid: Number(match[1]), start: match[2] };
}

/** Does the process that made this still live? A pid that was used again has another start time. */
export function ownerLives(owner: Pick<LabName, 'pid' | 'start'>): boolean {
  return processStart(owner.pid) === owner.start;
}

/** Start time in clock ticks; undefined when there is no such process or only its zombie. */
export function processStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name may hold spaces and parentheses: the fields start after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}
