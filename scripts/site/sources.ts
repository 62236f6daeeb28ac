/** The Markdown files of the repository. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Page, parsePage } from './page.ts';

export const root = join(import.meta.dirname, '../..');

/** Not ours, or made. */
const others = ['node_modules/**', 'build/**', 'dist/**', 'bench/out/**', '.git/**'];

/** `*` does not match names that begin with a dot. */
const places = ['**/*.md', '.github/**/*.md', '.gitlab/**/*.md'];

export function sources(): readonly Page[] {
  return globSync(places, { cwd: root, exclude: others })
    .sort()
    .map((path) => parsePage(path, readFileSync(join(root, path), 'utf8')));
}
