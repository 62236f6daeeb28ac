/** docs/quick-start.md as scripts: the blocks of shell of each of its parts, one after the other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

/** By the heading of the part; what stands before the first one is `''`. */
export function scripts(): ReadonlyMap<string, string> {
  const page = readFileSync(join(root, 'docs/quick-start.md'), 'utf8');
  const found = new Map<string, string>();
  for (const part of page.split(/^(?=## )/m)) {
    const name = /^## (.*)/.exec(part)?.[1] ?? '';
    const blocks = [...part.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
    found.set(name, blocks.join('\n'));
  }
  return found;
}
