/**
 * Builds `build/torwacht.mjs`, what ships: cli/main.ts with everything it imports, except the native addon and
 * the eBPF objects, which are found beside it. What is imported only when it is asked for is in files of their
 * own, in a folder beside it called as the output is (`build/torwacht/`): a command reads what it needs. Which
 * packages are in it is in a list beside it (`build/torwacht.packages.json`), by their keys in package-lock.json.
 *
 * Usage: node scripts/bundle.ts [output file [entry file]]
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';

const root = dirname(import.meta.dirname);
const [output = join(root, 'build', 'torwacht.mjs'), entry = join(root, 'cli', 'main.ts')] =
  process.argv.slice(2);

/**
 * Runs before the program. `require` is for CommonJS dependencies, which ask for Node's own modules by
 * it. The variables are those that bin/torwacht put aside: the command that we hold gets them back.
 */
const preamble = `
import { createRequire as torwachtRequire } from 'node:module';
const require = torwachtRequire(import.meta.url);
delete process.env.NODE_COMPILE_CACHE;
for (const name of Object.keys(process.env)) {
  if (!name.startsWith('TORWACHT_CALLER_')) continue;
  process.env[name.slice('TORWACHT_CALLER_'.length)] = process.env[name];
  delete process.env[name];
}
`;

// What was compiled of the one before is of no use.
rmSync(join(dirname(output), 'compile-cache'), { recursive: true, force: true });

const folder = dirname(output);
const name = basename(output, '.mjs');
const draft = `${output}.${process.pid}.tmp`;
const { metafile } = await build({
  entryPoints: [{ in: entry, out: name }],
  outdir: draft,
  bundle: true,
  splitting: true,
  chunkNames: `${name}/[name]-[hash]`,
  outExtension: { '.js': '.mjs' },
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: ['*.node'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'eof',
  banner: { js: preamble.trim() },
  // Tests choose an addon by this variable; what ships must not load code that a caller names.
  define: { 'process.env.TORWACHT_ADDON': 'undefined' },
  logLevel: 'warning',
  metafile: true,
});
rmSync(join(folder, name), { recursive: true, force: true });
if (existsSync(join(draft, name))) renameSync(join(draft, name), join(folder, name));
writeFileSync(join(draft, 'packages.json'), `${JSON.stringify(packagesIn(metafile), null, 2)}\n`);
renameSync(join(draft, 'packages.json'), join(folder, `${name}.packages.json`));
renameSync(join(draft, `${name}.mjs`), output);
rmSync(draft, { recursive: true });

/** Those of which something came into the output, wherever node_modules is. */
function packagesIn({ outputs }: Metafile): readonly string[] {
  const found = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const key = /(?:^|\/)(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(
        path,
      )?.[1];
      if (bytesInOutput > 0 && key !== undefined) found.add(key);
    }
  }
  return [...found].sort();
}
