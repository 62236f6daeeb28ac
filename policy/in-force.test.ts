import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterEgressPolicySpec } from '#api/cluster-egress-policy.ts';
import type { EgressPolicySpec } from '#api/egress-policy.ts';
import { apiVersion } from '#api/version.ts';
import { withoutCeilings } from './ceiling.ts';
import { checkDocument } from './check-document.ts';
import { compile } from './compile.ts';
import { aboveCeilings, linesInForce } from './in-force.ts';

const identity = { namespace: 'ci', namespaceLabels: {} };

function document(kind: string, name: string, spec: object) {
  const metadata = { name, ...(kind === 'EgressPolicy' ? { namespace: 'ci' } : {}) };
  const { document: checked, problems } = checkDocument({ apiVersion, kind, metadata, spec });
  assert.ok(checked !== null, JSON.stringify(problems));
  return checked;
}

type Spec<T> = { readonly [K in keyof T]?: unknown };
const policy = (spec: Spec<EgressPolicySpec>) => document('EgressPolicy', 'web', spec);
const floor = (spec: Spec<ClusterEgressPolicySpec>) =>
  document('ClusterEgressPolicy', 'floor', spec);

function told(...documents: ReturnType<typeof document>[]) {
  const { lines, closed } = linesInForce(compile(documents, identity));
  const text = ({ action, to, rule }: (typeof lines)[number]) => `${action} ${to}: ${rule}`;
  return {
    lines: lines.map(text),
    closed: closed.map((line) => `${line.to}: ${line.by}`),
  };
}

test('denies stand before what is allowed, whoever says them', () => {
  const { lines } = told(
    policy({ allow: [{ fqdn: ['a.example.com'] }, { cidr: ['192.0.2.0/24'] }] }),
    floor({ deny: [{ fqdn: ['b.example.com'] }] }),
  );
  assert.deepEqual(lines, [
    'deny b.example.com: ClusterEgressPolicy floor deny[0]',
    'allow a.example.com: EgressPolicy ci/web allow[0]',
    'allow 192.0.2.0/24: EgressPolicy ci/web allow[1]',
  ]);
});

test('what a deny closes wholly is no rule in force, and the deny is named', () => {
  const closing = (deny: string, allow: string, ports?: object[]) =>
    told(
      policy({ allow: [{ fqdn: [allow] }] }),
      floor({ deny: [{ fqdn: [deny], ...(ports ? { ports } : {}) }] }),
    ).closed.length === 1;
  const covering = [
    ['a.example.com', 'a.example.com'],
    ['*.example.com', 'a.example.com'],
    ['*.example.com', '*.example.com'],
    ['**.example.com', '*.example.com'],
    ['**.example.com', '**.a.example.com'],
  ] as const;
  for (const [deny, allow] of covering) assert.ok(closing(deny, allow), `${deny} ${allow}`);
  const other = [
    ['example.com', '*.example.com'],
    ['*.example.com', 'example.com'],
    ['*.example.com', 'a.b.example.com'],
    ['*.example.com', '**.example.com'],
    ['**.example.com', 'example.com'],
    ['**.example.com', 'xexample.com'],
    ['a.example.com', 'b.example.com'],
  ] as const;
  for (const [deny, allow] of other) assert.ok(!closing(deny, allow), `${deny} ${allow}`);
  assert.ok(!closing('a.example.com', 'a.example.com', [{ port: 80 }]));
  assert.ok(closing('a.example.com', 'a.example.com', [{ port: 400, endPort: 500 }]));
});

test('a public resolver is never open, whatever a policy says', () => {
  const { lines, closed } = told(policy({ allow: [{ fqdn: ['dns.google'] }] }));
  assert.deepEqual(lines, []);
  assert.deepEqual(closed, ['dns.google: always denied: doh']);
});

test('what lies above a ceiling is told, as it was written', () => {
  const documents = [
    policy({ allow: [{ fqdn: ['a.example.com', '**.b.example.com'] }, { fqdn: ['c.example'] }] }),
    floor({ ceiling: { allow: [{ fqdn: ['*.example.com', '*.b.example.com'] }] } }),
  ];
  const withCeilings = compile(documents, identity);
  const above = aboveCeilings(withCeilings, compile(withoutCeilings(documents), identity));
  assert.deepEqual(
    above.map(({ to, rule }) => `${to}: ${rule}`),
    ['**.b.example.com: EgressPolicy ci/web allow[0]', 'c.example: EgressPolicy ci/web allow[1]'],
  );
  const left = linesInForce(withCeilings).lines.map(({ to }) => to);
  assert.deepEqual(left, ['a.example.com', '*.b.example.com']);
  assert.deepEqual(aboveCeilings(withCeilings, withCeilings), []);
});
