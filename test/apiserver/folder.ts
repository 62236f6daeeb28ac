/**
 * Where an API server of a test has its things: one folder, whose name says which process answers for
 * it, and which stands in the command line of each of its programs. So what a killed run left is found
 * by looking, with no record anywhere.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abandoned, ownedName } from '../cluster/names.ts';

const PREFIX = 'twapi-';

export interface Folder {
  /** Its name. */
  readonly id: string;
  readonly path: string;
  readonly logs: string;
  readonly certificates: string;
}

let number = 0;

/** A new one, of this process. */
export function createFolder(): Folder {
  number += 1;
  const id = `${PREFIX}${ownedName(process.pid, number)}`;
  const path = join(tmpdir(), id);
  const folder = { id, path, logs: join(path, 'log'), certificates: join(path, 'pki') };
  mkdirSync(path, { mode: 0o700 });
  mkdirSync(folder.logs);
  mkdirSync(folder.certificates);
  return folder;
}

/** With the programs that still run on it. */
export function removeFolder(path: string): void {
  for (const pid of programsOn(path)) kill(pid);
  // A program that is being killed may still write.
  rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/** Removes those whose process has ended. Idempotent. Returns their names. */
export function sweepFolders(): string[] {
  const left = readdirSync(tmpdir()).filter(
    (name) => name.startsWith(PREFIX) && abandoned(name.slice(PREFIX.length)),
  );
  for (const name of left) removeFolder(join(tmpdir(), name));
  return left;
}

function programsOn(path: string): number[] {
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return processes.filter((pid) => commandLine(pid).includes(`=${path}/`)).map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
