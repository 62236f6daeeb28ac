/** One process at a time brings a cluster up or down; another waits for it. */
import { readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { ownerLives, processStart } from '../lab/names.ts';
import { errors } from './errors.ts';

/** As long as bringing one up may take on a machine that is busy. */
const PATIENCE_MS = 300_000;

/**
 * A symbolic link is made in one step and can say who holds it, so that a dead holder's is taken over.
 * @throws TW_CLUSTER_BUSY
 */
export async function locked<T>(id: string, work: () => Promise<T>): Promise<T> {
  const path = `/run/${id}.lock`;
  const self = `${process.pid}-${processStart(process.pid)}`;
  for (let waited = 0; !take(path, self); waited += 100) {
    const holder = holderOf(path);
    if (holder !== undefined && !ownerLives(holder)) unlinkSync(path);
    else if (waited > PATIENCE_MS) {
      throw failure(errors.busy, { name: id, holder: holder?.pid ?? 'unknown' });
    } else await sleep(100);
  }
  try {
    return await work();
  } finally {
    unlinkSync(path);
  }
}

function take(path: string, self: string): boolean {
  try {
    symlinkSync(self, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function holderOf(path: string): { pid: number; start: string } | undefined {
  try {
    const [pid, start] = readlinkSync(path).split('-');
    return { pid: Number(pid), start: start ?? '' };
  } catch {
    return undefined;
  }
}
