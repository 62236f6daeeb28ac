/**
 * `node bench/run.ts [name…]`: runs bench/*.bench.ts, or those named, prints the table and writes
 * bench/out/latest.json, with the machine's name in machine.txt beside it. Exits 1 when a figure does not hold or a bench broke, 2 for an unknown name.
 */
import { globSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sweep } from '#agent/leftovers/sweep.ts';
import { machine } from './machine.ts';
import { measure } from './session.ts';
import { table } from './table.ts';

const folder = import.meta.dirname;
process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const all = globSync('*.bench.ts', { cwd: folder }).sort();
  const known = all.map((file) => basename(file, '.bench.ts'));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined || known.length === 0) {
    const what = unknown === undefined ? 'There is no bench.' : `There is no bench '${unknown}'.`;
    process.stderr.write(`${what} Benches: ${known.join(' ') || 'none'}.\n`);
    return 2;
  }
  const chosen = known.filter((name) => names.length === 0 || names.includes(name));
  await sweep();
  const files = chosen.map((name) => join(folder, `${name}.bench.ts`));
  const { figures, broken } = await measure(files, (line) => process.stderr.write(`${line}\n`));

  process.stdout.write(`\n${machine()}\n\n${table(figures)}\n`);
  for (const sentence of broken) process.stdout.write(`FAILS  ${sentence}\n`);
  const out = join(folder, 'out');
  write(out, 'latest.json', `${JSON.stringify(figures, null, 2)}\n`);
  write(out, 'machine.txt', `${machine()}\n`);
  return broken.length > 0 || figures.some((figure) => !figure.holds) ? 1 : 0;
}

/** Whole or not at all: whoever reads the file may do so while we write. */
function write(out: string, name: string, text: string): void {
  mkdirSync(out, { recursive: true });
  const draft = join(out, `${name}.${process.pid}.tmp`);
  writeFileSync(draft, text);
  renameSync(draft, join(out, name));
}
