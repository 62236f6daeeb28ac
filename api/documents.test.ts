import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { egressPolicySchema } from './egress-policy.ts';
import { kindDefinitions } from './kinds.ts';
import { runnerBindingSchema } from './runner-binding.ts';
import { apiVersion } from './version.ts';

const policy = (spec: unknown) => ({
  apiVersion,
  kind: 'EgressPolicy',
  metadata: { name: 'web', namespace: 'ci' },
  spec,
});
const binding = (spec: unknown) => ({
  apiVersion,
  kind: 'RunnerBinding',
  metadata: { name: 'main' },
  spec,
});

test('ports that an allow rule omits are TCP 443, and stay unset in a deny rule', () => {
  const { spec } = egressPolicySchema.parse(
    policy({ allow: [{ fqdn: ['a.test'] }], deny: [{ fqdn: ['b.test'] }] }),
  );
  assert.deepEqual(spec.allow?.[0]?.ports, [{ port: 443, protocol: 'TCP' }]);
  assert.equal(spec.deny?.[0]?.ports, undefined);
});

test('a binding blocks, trusts nothing and lets GitLab be private unless it says otherwise', () => {
  const { spec } = runnerBindingSchema.parse(
    binding({ gitlab: { url: 'https://gitlab.test' }, trust: {} }),
  );
  assert.equal(spec.mode, 'Block');
  assert.deepEqual(spec.trust, { jobNames: false, annotations: false });
  assert.equal(spec.gitlab?.private, true);
});

const refused: readonly (readonly [what: string, spec: unknown])[] = [
  ['fqdn and cidr in one rule', { allow: [{ fqdn: ['a.test'], cidr: ['192.0.2.0/24'] }] }],
  ['neither fqdn nor cidr', { allow: [{ ports: [{ port: 1 }] }] }],
  ['neither in a deny rule', { deny: [{}] }],
  ['private with cidr', { allow: [{ cidr: ['192.0.2.0/24'], private: true }] }],
  ['private in a deny rule', { deny: [{ fqdn: ['a.test'], private: true }] }],
  [
    'a range that ends before it begins',
    { deny: [{ fqdn: ['a.test'], ports: [{ port: 9, endPort: 8 }] }] },
  ],
  ['port 0', { deny: [{ fqdn: ['a.test'], ports: [{ port: 0 }] }] }],
  ['a project id that is a number', { selector: { projects: [1] } }],
  ['an empty list of projects, which would read as every project', { selector: { projects: [] } }],
  ['an unknown field', { alow: [] }],
  ['an unknown field called __proto__', JSON.parse('{"__proto__": {}}')],
];

for (const [what, spec] of refused) {
  test(`the schema refuses ${what}`, () => {
    assert.equal(egressPolicySchema.safeParse(policy(spec)).success, false);
  });
}

test('what the API server adds is accepted', () => {
  const read = {
    ...policy({}),
    metadata: { name: 'web', uid: 'x', resourceVersion: '7', managedFields: [{}], generation: 1 },
    status: { conditions: [] },
  };
  assert.equal(egressPolicySchema.safeParse(read).success, true);
});

const options = { target: 'openapi-3.0', io: 'input' } as const;

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Partial<Record<string, Schema>>>;
  readonly items?: Schema;
  readonly enum?: unknown;
  readonly format?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly additionalProperties?: unknown;
  readonly description?: string;
}

function* walk(schema: Schema, path: string): Generator<readonly [path: string, schema: Schema]> {
  yield [path, schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (child !== undefined) yield* walk(child, `${path}.${name}`);
  }
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`);
}

for (const { kind, schema, status } of kindDefinitions) {
  test(`every object of ${kind} is strict, every string and list bounded, every field described`, () => {
    const { spec } = schema.shape;
    for (const [root, part] of [
      ['spec', spec],
      ['status', status],
    ] as const) {
      if (part === undefined) continue;
      assertBounded(root, z.toJSONSchema(part as z.ZodType, options) as Schema);
    }
  });
}

function assertBounded(root: string, schema: Schema): void {
  for (const [path, part] of walk(schema, root)) {
    if (part.properties !== undefined) assert.equal(part.additionalProperties, false, path);
    if (part.type === 'string' && part.enum === undefined && part.format === undefined) {
      assert.ok(part.maxLength, path);
    }
    if (part.type === 'array') assert.ok(part.maxItems, path);
    if (!path.endsWith('[]') && path !== root) assert.ok(part.description, path);
  }
}
