/** Builds programs of the barrier's source for tests, in a folder of their own. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..');
const STRICT = ['-std=gnu11', '-g', '-O1', '-Wall', '-Wextra', '-Werror'];
export const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export interface Program {
  readonly path: string;
  /** Its folder, for what else a test needs. */
  readonly folder: string;
  remove(): void;
}

/** `sources` lie below barrier/; `*.c` is all of what ships. */
export function build(
  sources: readonly string[],
  flags: readonly string[] = SANITIZERS,
  compiler = 'gcc',
): Program {
  const place = mkdtempSync(join(tmpdir(), 'torwacht-barrier-'));
  const remove = () => rmSync(place, { recursive: true, force: true });
  const path = join(place, 'program');
  const files = sources.flatMap((source) => globSync(source, { cwd: folder }));
  try {
    execFileSync(
      compiler,
      [...STRICT, ...flags, '-o', path, ...files.map((f) => join(folder, f))],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
  } catch (error) {
    remove();
    throw error;
  }
  return { path, folder: place, remove };
}
