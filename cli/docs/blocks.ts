/** The documentation as data, for the tests that hold it against the code. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface Page {
  /** Path from the root of the repository. */
  readonly name: string;
  readonly text: string;
}

export function page(name: string): Page {
  return { name, text: readFileSync(join(root, name), 'utf8') };
}

/** README, CHANGELOG and everything in docs/. */
export function pages(): readonly Page[] {
  return ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root }).sort()].map(page);
}

/** Texts of the fenced blocks of a language, with the line that each begins at. */
export function blocks(
  { name, text }: Page,
  language: string,
): readonly { readonly place: string; readonly text: string }[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return [...text.matchAll(pattern)].map((match) => ({
    place: `${name}:${text.slice(0, match.index).split('\n').length}`,
    text: match[1] ?? '',
  }));
}

/** The first cells of a table's rows that hold code: `| \`x\` | …`, with the whole row. */
export function rows({ text }: Page): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const cell = /^\| `([^`]+)`/.exec(line)?.[1];
    if (cell !== undefined) found.set(cell, line);
  }
  return found;
}
