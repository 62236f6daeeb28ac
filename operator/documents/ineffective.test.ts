import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '#policy/compile.ts';
import { binding, cluster, policy, type Stored } from '../testing/objects.ts';
import { ineffective, type Policy } from './ineffective.ts';

const trusting = (jobNames: boolean, annotations: boolean) =>
  binding('ci/r', { trust: { jobNames, annotations } });
const allow = (...fqdn: string[]) => ({ allow: [{ fqdn }] });
const jobs = { selector: { jobs: ['build'] } };
const ceiling = (name: string, spec: object) => cluster(name, { ceiling: spec });

const ports = (first: number) =>
  Array.from({ length: 9 }, (_, index) => ({ port: first + 2 * index, protocol: 'TCP' }));
const manyPorts = policy('ci/a', {
  allow: [
    { fqdn: ['a.test'], ports: ports(1) },
    { fqdn: ['a.test'], ports: ports(101) },
  ],
  deny: [{ fqdn: ['a.test'], ports: [{ port: 1, endPort: 1000, protocol: 'TCP' }] }],
});

const cases: readonly (readonly [
  what: string,
  policy: Policy,
  around: readonly Stored[],
  reason: string | null,
  message?: RegExp,
])[] = [
  ['an ordinary policy', policy('ci/a', allow('a.test')), [trusting(false, false)], null],
  [
    'jobs, and no annotation counts',
    policy('ci/a', jobs),
    [trusting(true, false)],
    'UntrustedSelector',
    /matches no job/,
  ],
  [
    'an allow for jobs, whose names nobody trusts',
    policy('ci/a', { ...jobs, presets: ['npm'] }),
    [trusting(false, true)],
    'UntrustedSelector',
    /narrow and not allow/,
  ],
  [
    'a deny for jobs',
    policy('ci/a', { ...jobs, deny: [{ fqdn: ['a.test'] }] }),
    [trusting(false, true)],
    null,
  ],
  [
    'an allow for jobs that are trusted',
    policy('ci/a', { ...jobs, ...allow('a.test') }),
    [trusting(true, true)],
    null,
  ],
  [
    'jobs where one of two bindings trusts',
    policy('ci/a', { ...jobs, ...allow('a.test') }),
    [trusting(false, false), trusting(true, true)],
    null,
  ],
  ['jobs without any binding', policy('ci/a', jobs), [], null],
  [
    'a cluster policy for jobs',
    cluster('c', { ...jobs, ...allow('a.test') }),
    [trusting(false, true)],
    'UntrustedSelector',
  ],
  [
    'a public resolver',
    policy('ci/a', allow('dns.google', 'a.test')),
    [],
    'NeverMatches',
    /allow dns\.google:/,
  ],
  [
    'a metadata service in a cluster policy',
    cluster('c', allow('metadata.google.internal')),
    [],
    'NeverMatches',
  ],
  [
    'a rule above a ceiling',
    policy('ci/a', { presets: ['npm'], allow: [{ fqdn: ['a.test'] }, { fqdn: ['b.test'] }] }),
    [ceiling('most', allow('a.test'))],
    'AboveCeiling',
    /left of allow\[1\], preset npm below/,
  ],
  [
    'a rule that a ceiling narrows',
    policy('ci/a', allow('**.a.test')),
    [ceiling('most', allow('x.a.test'))],
    null,
  ],
  [
    'two ceilings that share nothing',
    policy('ci/a', allow('a.test')),
    [ceiling('one', allow('a.test')), ceiling('two', allow('b.test'))],
    'AboveCeiling',
  ],
  ['more ports than can be told apart without the deny', manyPorts, [], null],
  [
    'a ceiling for other namespaces',
    policy('ci/a', allow('a.test')),
    [
      cluster('c', {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } },
        ceiling: {},
      }),
    ],
    null,
  ],
  [
    'a cluster policy is not below ceilings',
    cluster('c', allow('a.test')),
    [ceiling('none', {})],
    null,
  ],
  [
    'a deny leaves the rule its effect elsewhere',
    policy('ci/a', { ...allow('a.test'), deny: [{ fqdn: ['a.test'] }] }),
    [ceiling('most', allow('a.test'))],
    null,
  ],
];
for (const [what, subject, around, reason, message] of cases) {
  test(`${what}: ${reason ?? 'has its effect'}`, () => {
    const found = ineffective(subject, around);
    assert.equal(found?.reason ?? null, reason);
    if (message !== undefined) assert.match(found?.message ?? '', message);
  });
}

test('the control of these ports: with the deny they can be compiled, without it they cannot', () => {
  const { deny: _, ...spec } = manyPorts.spec;
  compile([manyPorts], { namespace: 'ci' });
  assert.throws(() => compile([{ ...manyPorts, spec }], { namespace: 'ci' }), {
    code: 'TW_POLICY_TOO_MANY_LINES',
  });
});
