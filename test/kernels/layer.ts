/**
 * What machines see above the host's root, besides what they write: packages of many files as one file each.
 * Where every look at a file costs a thousand times as much, a program starts twice as fast with them.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { KERNELS, ROOT } from './places.ts';

const PACKAGES = ['zod', 'yaml'];
/** CommonJS asks for Node's own modules by it. */
const REQUIRE =
  "import { createRequire } from 'node:module';const require=createRequire(import.meta.url);";

let made: Promise<string> | undefined;

/** Made once in a run, in a moment. Gives its folder, which stands for `/`. */
export function layer(): Promise<string> {
  made ??= make();
  return made;
}

async function make(): Promise<string> {
  const root = join(KERNELS, 'layer');
  rmSync(root, { recursive: true, force: true });
  for (const name of PACKAGES) {
    // Of CommonJS, Node gives the whole as a name as well.
    const names = Object.keys(await import(name)).filter((one) => /^\w+$/.test(one));
    const folder = join(root, ROOT, 'node_modules', name);
    await build({
      stdin: { contents: `export { ${names.join()} } from '${name}'`, resolveDir: ROOT },
      outfile: join(folder, 'whole.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: REQUIRE },
      logLevel: 'warning',
    });
    mkdirSync(folder, { recursive: true });
    const manifest = { name, exports: './whole.mjs' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  }
  return root;
}
