import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { valuesSchema } from './values.ts';
import { valuesJsonSchema, valuesReference, valuesYaml } from './values-files.ts';

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
}

/** Every value and every group, by its path. */
function* values(node: Node, path: string): Generator<readonly [path: string, node: Node]> {
  for (const [name, one] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    yield [at, one];
    if (one.default === undefined) yield* values(one, at);
  }
}

const schema = JSON.parse(valuesJsonSchema()) as Node;
const all = new Map(values(schema, ''));

test('every value says what it is for, and what it is unless told', () => {
  assert.ok(all.size > 80);
  for (const [path, { description = '', properties, default: value }] of all) {
    assert.match(description, /\.$/, path);
    if (path !== 'global') assert.ok(value !== undefined || properties !== undefined, path);
  }
});

test('a group takes nothing but what is listed', () => {
  for (const [path, node] of [['', schema] as const, ...all]) {
    if (node.properties !== undefined && path !== 'global') {
      assert.equal(node.additionalProperties, false, path);
    }
  }
});

test('values.yaml holds every default, and the schema takes it', () => {
  const written = parse(valuesYaml('')) as Record<string, unknown>;
  assert.deepEqual(valuesSchema.parse(written), written);
  for (const [path, { default: value }] of all) {
    if (value === undefined) continue;
    const found = path
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], written);
    assert.deepEqual(found, value, path);
  }
});

test('the reference has a row for each', () => {
  const page = valuesReference('');
  for (const [path, { default: value }] of all) {
    if (value !== undefined) assert.ok(page.includes(`| \`${path}\` |`), path);
  }
});
