/**
 * Writes docs/incidents.md, and the README's block where README.md has its markers:
 * `node test/replay/docs/write.ts`. With `--readme` it only prints the block.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGE, README_BEGIN, README_END, renderPage, renderReadmeBlock } from './render.ts';

const root = join(import.meta.dirname, '../../..');

if (process.argv.includes('--readme')) {
  process.stdout.write(`${renderReadmeBlock()}\n`);
} else {
  writeFileSync(join(root, PAGE), renderPage());
  const readme = join(root, 'README.md');
  const text = readFileSync(readme, 'utf8');
  const [begin, end] = [text.indexOf(README_BEGIN), text.indexOf(README_END)];
  if (begin >= 0 && end > begin) {
    const after = text.slice(end + README_END.length);
    writeFileSync(readme, `${text.slice(0, begin)}${renderReadmeBlock()}${after}`);
  }
}
