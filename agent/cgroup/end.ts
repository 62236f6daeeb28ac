/**
 * The end of a cgroup's processes: freeze, kill until none is left, thaw. Freezing first means that
 * nothing forks faster than it is killed; the v2 freezer lets SIGKILL through
 * (Documentation/admin-guide/cgroup-v2.rst, cgroup.freeze).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { isGone, isPopulated, membersOf } from './cgroup.ts';
import { errors } from './errors.ts';

export interface Patience {
  /** How often the cgroup is looked at before we give up. */
  readonly rounds: number;
  /** Waits between two rounds. */
  readonly pause: () => Promise<void>;
}

/** About five seconds. */
export const defaultPatience: Patience = {
  rounds: 500,
  pause: () => new Promise((resolve) => setTimeout(resolve, 10)),
};

/**
 * Stops every process of the cgroup, and all below, from running. Returns when the kernel reports
 * that all stand still.
 * @returns false when some still ran after the last round (uninterruptible wait), or none is left
 */
export async function freeze(path: string, patience = defaultPatience): Promise<boolean> {
  if (!write(`${path}/cgroup.freeze`, '1')) return false;
  for (let round = 0; round < patience.rounds; round++) {
    if (isFrozen(path)) return true;
    await patience.pause();
  }
  return false;
}

export function isFrozen(path: string): boolean {
  try {
    return /^frozen 1$/m.test(readFileSync(`${path}/cgroup.events`, 'utf8'));
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

export function thaw(path: string): void {
  write(`${path}/cgroup.freeze`, '0');
}

export interface KillOptions {
  readonly patience?: Patience;
  /** Tests switch it off to go the way of kernels before 5.14. */
  readonly useCgroupKill?: boolean;
}

/**
 * Ends every process in the cgroup and below it, frozen ones too. Without cgroup.kill (before 5.14)
 * the cgroup is frozen and its members get SIGKILL, again until it is empty.
 * @throws TW_HOST_CGROUP_NOT_EMPTY when some are left after the last round
 */
export async function killAll(path: string, options: KillOptions = {}): Promise<void> {
  const { rounds, pause } = options.patience ?? defaultPatience;
  const killFile = `${path}/cgroup.kill`;
  const atOnce = (options.useCgroupKill ?? true) && existsSync(killFile);
  if (!atOnce) write(`${path}/cgroup.freeze`, '1');
  for (let round = 0; isPopulated(path); round++) {
    if (round === rounds) {
      throw failure(errors.notEmpty, { path, rounds, pids: membersOf(path).join(', ') });
    }
    if (atOnce) write(killFile, '1');
    else killMembers(path);
    if (isPopulated(path)) await pause();
  }
  thaw(path);
}

function killMembers(path: string): void {
  for (const pid of membersOf(path)) {
    try {
      // 0 stands for a process outside our PID namespace; kill(0) would hit our own group.
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** @returns false when the cgroup is gone */
function write(file: string, value: string): boolean {
  try {
    writeFileSync(file, value);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}
