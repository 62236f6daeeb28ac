/**
 * Which runs there are on this host: one small file each in /run/torwacht, written before anything is
 * made, so that whatever a killed run leaves can be found and removed.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

/** Only root may read it: it holds nothing secret, but nothing that a target needs either. */
export const STATE = '/run/torwacht';
const RUNS = join(STATE, 'runs');

const runSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  pid: z.number().int(),
  /** Field 22 of /proc/<pid>/stat: with the pid, the identity of the process. */
  started: z.string(),
  cgroup: z.string(),
  pins: z.string(),
  command: z.string(),
});
export type Run = z.infer<typeof runSchema>;

/** @throws TW_HOST_STATE */
export function prepareState(): void {
  try {
    mkdirSync(RUNS, { recursive: true, mode: 0o700 });
    const { uid } = lstatSync(STATE);
    if (uid !== 0 || !lstatSync(STATE).isDirectory()) throw new Error(`it belongs to user ${uid}`);
    chmodSync(STATE, 0o700);
  } catch (cause) {
    throw failure(errors.stateFolder, { path: STATE, reason: (cause as Error).message }, cause);
  }
}

/** A sweep that ends at this moment may remove the empty folder, so it is made here again. */
export function writeRun(run: Run): void {
  prepareState();
  const path = runFile(run.id, 'json');
  writeFileSync(`${path}.tmp`, JSON.stringify(run));
  renameSync(`${path}.tmp`, path);
}

/** A file of a run's own, removed with it. */
export function runFile(id: string, name: string): string {
  return join(RUNS, `${id}.${name}`);
}

/** Every run that left a readable file, by id; others are passed over. */
export function readRuns(): Run[] {
  return names().flatMap((name) => {
    if (!name.endsWith('.json')) return [];
    try {
      return [runSchema.parse(JSON.parse(readFileSync(join(RUNS, name), 'utf8')))];
    } catch {
      return [];
    }
  });
}

export function isListed(id: string): boolean {
  return existsSync(runFile(id, 'json'));
}

export function removeRun(id: string): void {
  for (const name of names()) {
    if (name.startsWith(`${id}.`)) rmSync(join(RUNS, name), { force: true });
  }
}

/** The state folder goes when no run needs it. A run that begins meanwhile makes it again. */
export function removeStateIfEmpty(): void {
  for (const folder of [RUNS, STATE]) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}

/** When the process began, in clock ticks since boot; undefined when there is no such process. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function names(): string[] {
  try {
    return readdirSync(RUNS).sort();
  } catch {
    return [];
  }
}
