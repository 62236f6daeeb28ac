/**
 * What the real runner made, recorded: a job's pod and two logs. They are not in this repository; a checkout
 * may have them beside it (`../shared/goldens`), or TORWACHT_GOLDENS names their folder. Where a folder is
 * named and something is missing in it, that is a failure and no skip.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const beside = ['../shared/goldens', '../../shared/goldens'].map((path) => join(root, path));
const folder = process.env.TORWACHT_GOLDENS ?? beside.find((path) => existsSync(path));

export const skip: string | false =
  folder === undefined
    ? 'needs the recordings of the real runner: TORWACHT_GOLDENS names their folder'
    : false;

export function golden(name: string): string {
  if (folder === undefined) throw new Error('there is no folder of recordings');
  return readFileSync(join(folder, name), 'utf8');
}
