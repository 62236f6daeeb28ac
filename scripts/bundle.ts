/**
 * Builds `build/torwacht.mjs`, the one file that ships: cli/main.ts with everything it imports, except
 * the native addon and the eBPF objects, which are found beside it.
 *
 * Usage: node scripts/bundle.ts [output file [entry file]]
 */
import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

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

const draft = `${output}.${process.pid}.tmp`;
await build({
  entryPoints: [entry],
  outfile: draft,
  bundle: true,
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
});
renameSync(draft, output);
