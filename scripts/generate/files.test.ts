import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { test } from 'node:test';
import * as z from 'zod';
import { folders, generated } from './files.ts';
import { structural } from './structural.ts';

const root = join(import.meta.dirname, '../..');

for (const [path, content] of generated()) {
  test(`${path} is what the schemas say (make generate)`, () => {
    assert.equal(readFileSync(join(root, path), 'utf8'), content);
  });
}

for (const folder of folders) {
  test(`${folder} holds nothing else`, () => {
    const paths = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
    assert.deepEqual(
      paths.sort(),
      [...generated().keys()].filter((path) => path.startsWith(folder)).sort(),
    );
  });
}

test('no generated file is one that the formatter writes as well', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
  const left = (files.includes as string[])
    .filter((pattern) => pattern.startsWith('!'))
    .map((pattern) => pattern.slice(1));
  for (const path of generated().keys()) {
    const known = left.some((one) => matchesGlob(path, one) || path.startsWith(`${one}/`));
    assert.ok(known, `${path} is not among the exceptions in biome.json`);
  }
});

const strange: readonly (readonly [what: string, schema: z.ZodType, message: RegExp])[] = [
  ['a union', z.strictObject({ a: z.union([z.string(), z.int()]) }), /spec\.a: has no type/],
  [
    'an object that takes any field',
    z.strictObject({ a: z.looseObject({ b: z.string() }) }),
    /spec\.a: is not a strict/,
  ],
  ['a value of any type', z.strictObject({ a: z.array(z.unknown()) }), /spec\.a\[\]: has no type/],
  [
    'a keyword that a CRD does not know',
    z.string().meta({ deprecated: true }),
    /spec: not structural: deprecated/,
  ],
];
for (const [what, schema, message] of strange) {
  test(`${what} is no structural schema`, () => {
    assert.throws(() => structural(schema, 'spec'), message);
  });
}
