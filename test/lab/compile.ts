/** C programs of tests, compiled once for each state of their sources: an emulated machine needs a minute. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../../build/test');
/** What programs of tests include from here. */
export const sharedHeader = join(import.meta.dirname, 'probe.h');
const FLAGS = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread'];

/**
 * The path of the program. @param headers what the sources include: a change of these is one of the program
 * @throws what the compiler says
 */
export function compileOnce(
  name: string,
  sources: readonly string[],
  headers: readonly string[] = [],
  flags: readonly string[] = [],
): string {
  const hash = createHash('sha256').update(flags.join(' '));
  for (const file of [...sources, ...headers]) hash.update(readFileSync(file)).update('\0');
  const program = join(FOLDER, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(program)) return program;
  mkdirSync(FOLDER, { recursive: true });
  const making = `${program}.${process.pid}`;
  execFileSync('gcc', [...FLAGS, ...flags, '-o', making, ...sources]);
  renameSync(making, program);
  return program;
}
