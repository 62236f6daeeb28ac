/** Writes the site anew: `node scripts/site/write.ts FOLDER [REPOSITORY]`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { site } from './site.ts';
import { sources } from './sources.ts';

const [folder, repository] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: node scripts/site/write.ts FOLDER [REPOSITORY]');
const files = site({
  pages: sources(),
  repository: repository ? repository.replace(/\/*$/, '/') : undefined,
});
rmSync(folder, { recursive: true, force: true });
for (const [path, text] of files) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
process.stdout.write(`${files.size} files in ${folder}\n`);
