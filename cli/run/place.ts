/**
 * Places that a run must not write to. Opening a file empties it, and an empty document, or rows of events, in the
 * place of a policy are a broken policy.
 */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Why a file is, or would be, part of the policy in force; null where it is not. Both paths absolute. */
export function whyPolicy(path: string, policyPath: string): string | null {
  const there = statSync(path, { throwIfNoEntry: false });
  const isInForce = policyPlaces(policyPath).some((place) => {
    if (place !== policyPath && !isRead(place)) return false;
    const one = statSync(place, { throwIfNoEntry: false });
    return (
      one !== undefined && there !== undefined && one.dev === there.dev && one.ino === there.ino
    );
  });
  if (isInForce) return 'it is the policy that is in force';
  const folder = statSync(policyPath, { throwIfNoEntry: false })?.isDirectory() === true;
  if (folder && isRead(path) && dirname(realPlace(path)) === realPlace(policyPath)) {
    return 'it would be part of the policy that is in force';
  }
  return null;
}

/** By its name, of a policy's folder. */
function isRead(path: string): boolean {
  return /\.ya?ml$/.test(path);
}

/** The path itself and, of a folder, each file in it. */
export function policyPlaces(path: string): readonly string[] {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  return isFolder ? [path, ...readdirSync(path).map((name) => join(path, name))] : [path];
}

/** The real path, also of a file that is not there yet. */
export function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    try {
      return join(realpathSync(dirname(path)), basename(path));
    } catch {
      // Opening it says what is wrong.
      return resolve(path);
    }
  }
}
