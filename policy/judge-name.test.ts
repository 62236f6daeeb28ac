import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rounds } from '../test/runner/rounds.ts';
import { judgeName } from './judge-name.ts';
import { parseName } from './names.ts';
import { permissionsOf } from './permissions.ts';
import type { CompiledPolicy, NameRule } from './types.ts';

interface Line {
  readonly name: string;
  readonly deny?: boolean;
  readonly port?: number;
  readonly private?: boolean;
}

function policyOf(lines: readonly Line[]): CompiledPolicy {
  const names = lines.map((line, index): NameRule => {
    const pattern = parseName(line.name);
    assert.ok(!('message' in pattern), line.name);
    const ports =
      line.port === undefined ? undefined : [{ port: line.port, protocol: 'TCP' as const }];
    return {
      pattern,
      private: line.private ?? false,
      permissions: permissionsOf(line.deny ? 'deny' : 'allow', index + 1, ports),
    };
  });
  return { mode: 'Block', digest: '', rules: [], names, cidrs: [], upstreams: [] };
}

/** Does a rule's name match, by the plainest reading of what the three forms mean? */
function naive(rule: string, name: string): boolean {
  const [first = '', ...rest] = rule.split('.');
  const labels = name.split('.');
  if (!first.startsWith('*')) return rule === name;
  const more = labels.length - rest.length;
  return (
    (first === '*' ? more === 1 : more >= 1) && labels.slice(more).join('.') === rest.join('.')
  );
}

const label = fc.constantFrom('a', 'b', 'ab', 'aa');
const plain = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
const ruleName = fc
  .tuple(fc.constantFrom('', '*.', '**.'), plain)
  .map(([marker, name]) => marker + name);

test('a name is judged by every rule that matches it and by no other', () => {
  const line = fc.record({
    name: ruleName,
    deny: fc.boolean(),
    port: fc.integer({ min: 1, max: 3 }),
    private: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), plain, (lines, name) => {
      const judged = judgeName(policyOf(lines), name);
      const matching = lines.filter((one) => naive(one.name, name));
      const denied = new Set(matching.filter((one) => one.deny).map((one) => one.port));
      const allows = matching.filter((one) => !one.deny);
      const open = allows.filter((one) => !denied.has(one.port)).map((one) => one.port);
      assert.equal(judged.allowed, open.length > 0);
      if (judged.allowed) {
        const ports = judged.permissions
          .filter((one) => one.action === 'allow')
          .map((one) => one.from);
        assert.deepEqual(new Set(ports), new Set(open));
        assert.equal(
          judged.private,
          matching.some((one) => one.private),
        );
      } else {
        assert.equal(judged.reason, allows.length > 0 ? 'deny-rule' : 'default');
        assert.deepEqual(judged.permissions, []);
      }
    }),
    { numRuns: rounds(2000) },
  );
});

test('names are compared on label boundaries', () => {
  const policy = policyOf([
    { name: 'example.com' },
    { name: '*.one.test' },
    { name: '**.many.test' },
  ]);
  const allowed = ['example.com', 'a.one.test', 'a.many.test', 'b.a.many.test'];
  const refused = [
    'com',
    'evil-example.com',
    'a.example.com',
    'example.com.evil.test',
    'one.test',
    'b.a.one.test',
    'xone.test',
    'many.test',
    'amany.test',
  ];
  for (const name of allowed) assert.equal(judgeName(policy, name).allowed, true, name);
  for (const name of refused) assert.equal(judgeName(policy, name).reason, 'default', name);
});

test('a dot inside a label is not a boundary', () => {
  const policy = policyOf([{ name: 'example.com' }, { name: '**.many.test' }]);
  assert.equal(judgeName(policy, ['example', 'com']).allowed, true);
  assert.equal(judgeName(policy, ['example.com']).allowed, false);
  assert.equal(judgeName(policy, ['a', 'b.many', 'test']).allowed, false);
  assert.equal(judgeName(policy, ['x.y', 'many', 'test']).allowed, false);
});

test('a whole deny is the reason also where nothing allows the name', () => {
  const policy = policyOf([{ name: '**.bad.test', deny: true }]);
  assert.deepEqual(judgeName(policy, 'a.bad.test'), {
    allowed: false,
    rule: 1,
    reason: 'deny-rule',
    private: false,
    permissions: [],
  });
});

test('a deny for one port leaves the name to be resolved for the others', () => {
  const policy = policyOf([
    { name: '**.a.test', deny: true, port: 22 },
    { name: 'x.a.test', port: 443 },
    { name: 'y.a.test', port: 22 },
  ]);
  const { allowed, permissions } = judgeName(policy, 'x.a.test');
  assert.equal(allowed, true);
  assert.deepEqual(
    permissions.map(({ action, from }) => `${action} ${from}`),
    ['deny 22', 'allow 443'],
  );
  assert.equal(judgeName(policy, 'y.a.test').reason, 'deny-rule');
  assert.equal(judgeName(policy, 'y.a.test').rule, 1);
});

test('listed resolvers and metadata services are denied even when a rule allows them', () => {
  const names = ['dns.google', 'cloudflare-dns.com', 'metadata.google.internal', 'instance-data'];
  const policy = policyOf([
    ...names.map((name) => ({ name })),
    { name: '**.cloudflare-dns.com', private: true },
  ]);
  assert.equal(judgeName(policy, 'dns.google').reason, 'doh');
  assert.equal(judgeName(policy, 'security.cloudflare-dns.com').reason, 'doh');
  assert.equal(judgeName(policy, 'metadata.google.internal').reason, 'metadata');
  assert.equal(judgeName(policy, 'instance-data').reason, 'metadata');
  assert.equal(judgeName(policy, 'METADATA.google.internal').allowed, false);
});

test('a verdict over many rules reads only those of the name', () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    name: `*.n${index}.test`,
    port: 443,
  }));
  const policy = policyOf(many);
  for (let index = 0; index < 20_000; index++) {
    assert.equal(judgeName(policy, `a.n${index}.test`).rule, index + 1);
  }
});

test('a name of as many labels as there can be is matched by patterns of any depth', () => {
  const deep = Array.from({ length: 60 }, (_, i) => `l${i % 10}`);
  const policy = policyOf([{ name: '**.example.test' }, { name: `**.${deep.join('.')}.test` }]);
  const below = `${'a.'.repeat(100)}`;
  assert.equal(judgeName(policy, `${below}example.test`).rule, 1);
  assert.equal(judgeName(policy, `x.y.${deep.join('.')}.test`).rule, 2);
  assert.equal(judgeName(policy, `${below}other.test`).allowed, false);
  assert.equal(judgeName(policy, `x.${deep.slice(1).join('.')}.test`).allowed, false);
});
