/** The schema of CycloneDX 1.6, as its own library ships it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

const require = createRequire(import.meta.url);
const folder = join(
  dirname(require.resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res/schema',
);
const read = (name: string): object =>
  JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;

/** Made as the library's own validator is, which wants a package more for addresses of mail: there are none here. */
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addFormat('iri-reference', true);
ajv.addFormat('idn-email', true);
// By the names that the schema calls them by.
const base = 'http://cyclonedx.org/schema';
for (const name of ['spdx', 'jsf-0.82']) {
  ajv.addSchema(read(name), `${base}/${name}.SNAPSHOT.schema.json`);
}
const check = ajv.compile(read('bom-1.6'));

/** What is wrong with it; null where nothing is. */
export function validate(bom: unknown): string | null {
  return check(bom) ? null : ajv.errorsText(check.errors, { separator: '\n' });
}
