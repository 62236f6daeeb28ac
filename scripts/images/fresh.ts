/** The sources once more, in a folder that is called otherwise, and what `make` builds of them from nothing. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../test/cluster/run.ts';
import { execute } from '../../test/lab/execute.ts';
import { contents, imageNames } from './contents.ts';
import { ROOT } from './places.ts';

/** Not sources, or not those of images: what is built, what came from elsewhere, and what git keeps. */
const others = new Set(['.git', 'bench', 'build', 'coverage', 'dist', 'docs', 'node_modules']);

export interface Fresh {
  readonly folder: string;
  /** Variables of the Makefile. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** @returns the folder with what was built */
export async function buildFresh({ folder, variables = {} }: Fresh): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(ROOT)) {
    if (!others.has(name)) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  // Links to the same files: the bundler writes down no path that leads out of the sources.
  execute('cp', ['-al', join(ROOT, 'node_modules'), folder]);
  const targets = imageNames.flatMap((name) => Object.values(contents[name].built));
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  await run('make', [
    ...['--silent', '-C', folder, ...settings],
    ...[...new Set(targets)].map((file) => `build/${file}`),
  ]);
  return join(folder, 'build');
}
