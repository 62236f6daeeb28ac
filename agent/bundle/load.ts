/**
 * The bundle on disk: a file or a folder of policy documents. Bad content is reported by policy/load;
 * only a path that cannot be read is an error.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from '#policy/errors.ts';
import { type Loaded, loadLimits, type PolicyFile, parsePolicies } from '#policy/load.ts';

/**
 * Loads a file, or the .yaml and .yml files of a folder (sorted by name, not recursive, no dot files).
 *
 * @throws TW_POLICY_UNREADABLE, TW_POLICY_EMPTY_FOLDER
 */
export function loadPolicies(...paths: readonly string[]): Loaded {
  return parsePolicies(readFiles(...paths));
}

/**
 * What `loadPolicies` reads, before anything is made of it.
 *
 * @throws TW_POLICY_UNREADABLE, TW_POLICY_EMPTY_FOLDER
 */
export function readFiles(...paths: readonly string[]): readonly PolicyFile[] {
  return paths.flatMap((path) => listFiles(path)).map(readFile);
}

function listFiles(path: string): readonly string[] {
  const isFolder = reading(path, () => statSync(path).isDirectory());
  if (!isFolder) return [path];
  const names = reading(path, () => readdirSync(path))
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .sort();
  if (names.length === 0) throw failure(errors.noDocuments, { path });
  if (names.length > loadLimits.files) {
    throw failure(errors.unreadable, { path, why: `it holds more than ${loadLimits.files} files` });
  }
  const files = names.map((name) => join(path, name));
  // A pipe in a folder would wait for a writer for ever.
  for (const file of files) {
    if (!reading(file, () => statSync(file).isFile())) {
      throw failure(errors.unreadable, { path: file, why: 'it is not a file' });
    }
  }
  return files;
}

/** Reads one byte beyond the limit at most, so that a file that never ends is too large and no more. */
function readFile(file: string): PolicyFile {
  return reading(file, () => {
    const fd = openSync(file, 'r');
    try {
      const content = new Uint8Array(loadLimits.file + 1);
      let length = 0;
      for (;;) {
        const count = readSync(fd, content, length, content.length - length, null);
        length += count;
        if (count === 0 || length === content.length) break;
      }
      return { file, content: content.subarray(0, length) };
    } finally {
      closeSync(fd);
    }
  });
}

const whys: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go round in a circle',
};

function reading<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw failure(errors.unreadable, { path, why: whys[code] ?? code }, cause);
  }
}
