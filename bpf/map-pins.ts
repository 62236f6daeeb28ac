/**
 * Where an agent's maps are pinned: a folder by the hash of their layout. A build with the same layout
 * goes on with them; one with another makes its own beside, and reads what is in these by fields' names.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { MEANING } from './layout.ts';
import { native } from './native.ts';

/** Maps and structs as they are compiled, their sizes, and the number of what they mean. */
export function layoutHash(object: string, sizes: Readonly<Record<string, number>>): string {
  const maps = Object.entries(native().mapDefinitions(object)).toSorted(byName);
  const structs = Object.entries(native().layout(object)).toSorted(byName);
  const chosen = Object.entries(sizes).toSorted(byName);
  const whole = JSON.stringify({ meaning: MEANING, maps, structs, chosen });
  return createHash('sha256').update(whole).digest('hex').slice(0, 16);
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number =>
  a < b ? -1 : Number(a > b);

/** How long an agent before this one may take to end, ms. */
const PATIENCE = 30_000;
const PAUSE = 50;

/**
 * Waits until nobody else has these maps: two agents that write the same ones undo each other. They are ours
 * until this process ends. @throws TW_BPF_PINS_TAKEN (rejects)
 */
export async function lockPins(pins: string): Promise<number> {
  mkdirSync(pins, { recursive: true, mode: 0o700 });
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return native().lock(pins);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause;
      if (waited >= PATIENCE) throw failure(errors.pinsTaken, { folder: pins }, cause);
    }
    await setTimeout(PAUSE);
  }
}

/** The folder of one layout, made where it is not there. */
export function ownFolder(pins: string, hash: string): string {
  const folder = join(pins, hash);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** The folder that an agent of another layout left, the latest of several. */
export function otherFolder(pins: string, hash: string): string | undefined {
  const folders = readdirSync(pins)
    .filter((name) => name !== hash)
    .map((name) => join(pins, name))
    .toSorted((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
  return folders.at(-1);
}

/** What still stands on these maps, pinned programs above all, keeps them; nobody finds them any more. */
export function removeOthers(pins: string, hash: string): void {
  for (const name of existsSync(pins) ? readdirSync(pins) : []) {
    const folder = join(pins, name);
    if (name === hash) continue;
    for (const map of readdirSync(folder)) rmSync(join(folder, map));
    rmdirSync(folder);
  }
}
