/** The root folder of an image that holds programs of this checkout and nothing else. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Platform } from './platform.ts';

/**
 * Puts files with the libraries that they are linked with, and makes folders to mount something at. Nobody's
 * umask has a say in who may do what: programs and the loader can be started, all else only be read.
 */
export function fillRoot(
  root: string,
  files: ReadonlyMap<string, string>,
  folders: readonly string[],
  platform: Platform,
): void {
  const put = (from: string, to: string, isProgram: boolean): void => {
    const path = join(root, to);
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(from, path);
    chmodSync(path, isProgram ? 0o755 : 0o644);
  };
  for (const [from, to] of files) {
    // An addon is loaded, not started, whatever the linker made of its mode.
    put(from, to, (statSync(from).mode & 0o111) !== 0 && !to.endsWith('.node'));
    for (const library of platform.libraries(from)) {
      put(library.from, library.to, isLoader(library.to));
    }
  }
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  for (const { parentPath, name } of foldersBelow(root)) chmodSync(join(parentPath, name), 0o755);
  chmodSync(root, 0o755);
}

/** The kernel starts it for each program that has libraries. */
export const isLoader = (path: string): boolean => /\/ld(-linux\S*)?\.so\.\d+$/.test(path);

const foldersBelow = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isDirectory());
