import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { judgeObject } from './judge.ts';
import { coversName } from './shadowed.ts';
import { worldOf } from './world.ts';

const object = (kind: string, spec: object, name = 'main') => ({
  apiVersion,
  kind,
  metadata: kind === 'ClusterEgressPolicy' ? { name } : { name, namespace: 'ci' },
  spec,
});
const judge = (kind: string, spec: object, others: readonly object[] = [], before?: object) =>
  judgeObject(
    object(kind, spec),
    before === undefined ? null : object(kind, before),
    worldOf(
      others.map((other, i) => runnerBindingSchema.parse(object('RunnerBinding', other, `b${i}`))),
    ),
  );

const fqdn = (...names: string[]) => ({ allow: [{ fqdn: names }] });
const cidr = (...prefixes: string[]) => ({ allow: [{ cidr: prefixes }] });

const problems: readonly (readonly [kind: string, spec: object, message: RegExp])[] = [
  ['EgressPolicy', { presets: ['npn'] }, /"npn" is no preset.*Did you mean "npm"/],
  ['EgressPolicy', { alow: [] }, /unknown field "alow"/],
  [
    'EgressPolicy',
    fqdn('*.co.uk'),
    /spec\.allow\[0\]: .*public suffix: anybody can have a name below co\.uk/,
  ],
  ['EgressPolicy', fqdn('**.github.io'), /public suffix/],
  ['EgressPolicy', fqdn('**.s3.amazonaws.com'), /public suffix/],
  ['EgressPolicy', fqdn('metadata.google.internal'), /metadata service/],
  ['EgressPolicy', fqdn('**.google.internal'), /covers metadata\.google\.internal/],
  ['EgressPolicy', fqdn('*.metadata.google.internal'), /metadata service/],
  ['EgressPolicy', fqdn('dns.google'), /public resolver/],
  ['ClusterEgressPolicy', fqdn('cloudflare-dns.com'), /public resolver/],
  ['ClusterEgressPolicy', cidr('169.254.169.254/32'), /always denied \(metadata\)/],
  ['ClusterEgressPolicy', cidr('8.8.8.8/32'), /always denied \(doh\)/],
  ['EgressPolicy', cidr('224.0.0.0/4'), /always denied/],
  ['RunnerBinding', { inject: true }, /needs spec\.barrier/],
  ['RunnerBinding', { inject: true, barrier: { images: ['r.test/b:*'] } }, /is a prefix/],
  ['RunnerBinding', { guard: { hostPaths: ['/var/lib/kubelet/pods'] } }, /opens the node/],
  ['RunnerBinding', { guard: { hostPaths: ['/var'] } }, /opens the node/],
];

for (const [kind, spec, message] of problems) {
  test(`${kind} is refused: ${JSON.stringify(spec)}`, () => {
    assert.match(judge(kind, spec).message ?? 'accepted', message);
  });
}

const warned: readonly (readonly [kind: string, spec: object, warning: RegExp])[] = [
  ['EgressPolicy', fqdn('**.amazonaws.com'), /everything that anybody runs at Amazon/],
  ['EgressPolicy', fqdn('*.core.windows.net'), /all Azure customers/],
  ['EgressPolicy', fqdn('**.google.com'), /covers dns\.google\.com, a public resolver/],
  ['EgressPolicy', cidr('0.0.0.0/0'), /4294967296 addresses/],
  ['EgressPolicy', cidr('0.0.0.0/0'), /always denied, and stay so/],
  ['EgressPolicy', cidr('13.0.0.0/8'), /16777216 addresses/],
  [
    'EgressPolicy',
    { allow: [{ fqdn: ['a.test'], ports: [{ port: 1024, endPort: 65535 }] }] },
    /64512 ports/,
  ],
  [
    'EgressPolicy',
    { allow: [{ fqdn: ['**.a.test'] }, { fqdn: ['b.a.test'] }] },
    /spec\.allow\[1\] adds nothing: spec\.allow\[0\]/,
  ],
  [
    'EgressPolicy',
    { allow: [{ fqdn: ['b.a.test'] }, { fqdn: ['**.a.test'] }] },
    /spec\.allow\[0\] adds nothing: spec\.allow\[1\]/,
  ],
  [
    'EgressPolicy',
    { allow: [{ fqdn: ['b.a.test'] }], deny: [{ fqdn: ['*.a.test'] }] },
    /never holds: spec\.deny\[0\]/,
  ],
  ['RunnerBinding', { barrier: { images: ['r.test/b:1'] } }, /by digest/],
  ['RunnerBinding', {}, /spec\.runners is empty/],
  [
    'RunnerBinding',
    { guard: { exceptions: [{ allow: 'Privileged', reason: 'builds images', projects: ['7'] }] } },
    /exception for projects 7: privileged .*builds images/,
  ],
];

for (const [kind, spec, warning] of warned) {
  test(`${kind} is accepted with a warning: ${JSON.stringify(spec)}`, () => {
    const { message, warnings } = judge(kind, spec);
    assert.equal(message, null);
    assert.match(warnings.join('\n'), warning);
  });
}

test('what is in order is accepted without a word', () => {
  const rules = { fqdn: ['api.example.com', '*.cdn.example.com', 'github.io'] };
  const digest = `r.test/b@sha256:${'0'.repeat(64)}`;
  const quiet = [
    judge('EgressPolicy', { presets: ['npm'], allow: [rules, { cidr: ['192.0.2.0/24'] }] }),
    judge('EgressPolicy', { allow: [{ fqdn: ['a.test'], private: true }, { fqdn: ['a.test'] }] }),
    judge('RunnerBinding', {
      runners: [{ serviceAccount: 'r' }],
      barrier: { images: [digest] },
      guard: { hostPaths: ['/var/cache/jobs'] },
    }),
  ];
  for (const judgement of quiet) assert.deepEqual(judgement, { message: null, warnings: [] });
});

test('bindings that can select the same pod are refused, others are not', () => {
  const of = (labels: object | undefined, namespaces?: readonly string[]) => ({
    selector: { ...(labels ? { podLabels: labels } : {}), ...(namespaces ? { namespaces } : {}) },
  });
  const overlaps = (one: object, other: object) =>
    judge('RunnerBinding', one, [other]).message !== null;
  assert.ok(overlaps({}, {}));
  assert.ok(overlaps(of({ a: '1' }), {}));
  assert.ok(overlaps(of({ a: '1' }), of({ b: '1' })));
  assert.ok(overlaps(of({}, ['x', 'y']), of({}, ['y'])));
  assert.ok(!overlaps(of({ a: '1' }), of({ a: '2' })));
  assert.ok(!overlaps(of({}, ['x']), {}));
});

test('a binding does not overlap with itself, and keeps its selector', () => {
  const spec = { selector: { podLabels: { a: '1' } } };
  const itself = worldOf([runnerBindingSchema.parse(object('RunnerBinding', spec))]);
  const change = (after: object) =>
    judgeObject(object('RunnerBinding', after), object('RunnerBinding', spec), itself).message;
  assert.equal(change({ ...spec, mode: 'Observe' }), null);
  assert.match(change({}) ?? '', /spec\.selector cannot be changed/);
});

test('names that cover each other', () => {
  const cover: readonly (readonly [string, string, boolean])[] = [
    ['a.test', 'a.test', true],
    ['*.a.test', 'b.a.test', true],
    ['*.a.test', 'c.b.a.test', false],
    ['*.a.test', 'a.test', false],
    ['**.a.test', 'a.test', false],
    ['**.a.test', '*.a.test', true],
    ['**.a.test', '**.b.a.test', true],
    ['*.a.test', '**.a.test', false],
    ['*.b.a.test', '*.a.test', false],
    ['*.a.test', '*.b.a.test', false],
  ];
  for (const [wide, narrow, expected] of cover) {
    assert.equal(coversName(wide, narrow), expected, `${wide} ${narrow}`);
  }
});
