/**
 * Exits 0 when node_modules holds exactly what package-lock.json says, 1 when `npm ci` is due. It
 * compares the lockfile with the one npm leaves inside node_modules at the end of an install, so an
 * interrupted install is seen as well. Plain JavaScript: it runs on any Node that the host may have.
 */
import { readFileSync } from 'node:fs';

function packages(path) {
  try {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).packages ?? {};
  } catch {
    return undefined;
  }
}

const wanted = packages('../package-lock.json');
const installed = packages('../node_modules/.package-lock.json');
if (!wanted || !installed) process.exit(1);

const same = (name) =>
  installed[name]?.version === wanted[name]?.version &&
  installed[name]?.integrity === wanted[name]?.integrity;

// What is optional may be for another platform; everything else must be there, and nothing more.
const current =
  Object.keys(wanted).every(
    (name) => name === '' || same(name) || (wanted[name].optional && !installed[name]),
  ) && Object.keys(installed).every((name) => name in wanted);
process.exit(current ? 0 : 1);
