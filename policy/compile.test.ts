import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TorwachtDocument } from '#api/documents.ts';
import { apiVersion } from '#api/version.ts';
import { rounds } from '../test/runner/rounds.ts';
import { checkDocument } from './check-document.ts';
import { constantAddress } from './cidr.ts';
import { type CompileOptions, compile } from './compile.ts';
import { judgeName } from './judge-name.ts';
import type { CompiledPolicy, Identity } from './types.ts';
import { verdict } from './verdict.ts';

function checked(value: unknown): TorwachtDocument {
  const { document, problems } = checkDocument(value);
  assert.deepEqual(problems, []);
  assert.ok(document);
  return document;
}
const policy = (name: string, spec: object, namespace = 'ci') =>
  checked({ apiVersion, kind: 'EgressPolicy', metadata: { name, namespace }, spec });
const binding = (name: string, spec: object, namespace = 'ci') =>
  checked({ apiVersion, kind: 'RunnerBinding', metadata: { name, namespace }, spec });

const job: Identity = { namespace: 'ci', project: '314', job: 'build' };
const ruleOf = (compiled: CompiledPolicy, name: string) =>
  compiled.rules[judgeName(compiled, name).rule]?.name;

/** What the compiled prefixes say about TCP to an address. */
function toAddress(compiled: CompiledPolicy, address: string, dport: number) {
  const judged = verdict(
    {
      hook: 'packet',
      family: 4,
      daddr: constantAddress(address),
      protocol: 6,
      dport,
      malformed: false,
      ipOptions: false,
      fragment: false,
      fresh: true,
      local: 'none',
      socketName: 0,
      now: 0,
    },
    { resolver: null, names: new Map(), cidrs: compiled.cidrs, learned: new Map(), doh: new Set() },
  );
  return `${judged.reason} ${compiled.rules[judged.rule]?.name}`;
}

test('nothing at all compiles to the default deny in Block mode', () => {
  const { digest, ...rest } = compile([], job);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.deepEqual(rest, {
    mode: 'Block',
    rules: [{ name: 'default', policy: '' }],
    names: [],
    cidrs: [],
    upstreams: [],
  });
});

test('rules are named by document, part and preset', () => {
  const compiled = compile(
    [
      policy('web', {
        presets: ['npm'],
        allow: [{ fqdn: ['a.test'] }, { cidr: ['192.0.2.0/24'] }],
        deny: [{ fqdn: ['b.test'] }],
      }),
      binding('main', { gitlab: { url: 'https://gitlab.test' } }),
    ],
    job,
  );
  assert.deepEqual(compiled.rules, [
    { name: 'default', policy: '' },
    { name: 'EgressPolicy ci/web deny[0]', policy: 'ci/web' },
    { name: 'EgressPolicy ci/web allow[0]', policy: 'ci/web' },
    { name: 'EgressPolicy ci/web allow[1]', policy: 'ci/web' },
    { name: 'EgressPolicy ci/web preset npm', policy: 'ci/web' },
    { name: 'RunnerBinding ci/main gitlab', policy: 'ci/main' },
  ]);
  assert.equal(ruleOf(compiled, 'registry.npmjs.org'), 'EgressPolicy ci/web preset npm');
});

test('policies of other namespaces, projects and jobs do not count', () => {
  const documents = [
    policy('other-namespace', { allow: [{ fqdn: ['a.test'] }] }, 'web'),
    policy('other-project', { selector: { projects: ['3'] }, allow: [{ fqdn: ['b.test'] }] }),
    policy('other-job', { selector: { jobs: ['test*'] }, deny: [{ fqdn: ['d.test'] }] }),
    policy('mine', { selector: { projects: ['314'] }, allow: [{ fqdn: ['c.test', 'd.test'] }] }),
  ];
  const compiled = compile(documents, job);
  assert.deepEqual(
    ['a.test', 'b.test', 'c.test', 'd.test'].map((name) => judgeName(compiled, name).allowed),
    [false, false, true, true],
  );
  const anywhere = compile(documents, job, { ignoreNamespaces: true });
  assert.equal(judgeName(anywhere, 'a.test').allowed, true);
  assert.equal(judgeName(anywhere, 'b.test').allowed, false);
});

const jobNameCases: readonly (readonly [
  what: string,
  bindings: readonly object[],
  options: CompileOptions,
  holds: boolean,
])[] = [
  ['without a binding', [], {}, false],
  ['with a binding that does not say so', [{}], {}, false],
  ['with a binding that trusts job names', [{ trust: { jobNames: true } }], {}, true],
  ['with one binding of two', [{ trust: { jobNames: true } }, {}], {}, false],
  ['when the invoker names the job', [], { trustIdentity: true }, true],
];
for (const [what, bindings, options, holds] of jobNameCases) {
  test(`an allow under a job selector ${holds ? 'holds' : 'does not hold'} ${what}; a deny does`, () => {
    const compiled = compile(
      [
        ...bindings.map((spec, index) => binding(`b${index}`, spec)),
        policy('all', { allow: [{ fqdn: ['base.test'] }] }),
        policy('build', {
          selector: { jobs: ['build'] },
          presets: ['npm'],
          allow: [{ fqdn: ['extra.test'] }, { cidr: ['192.0.2.0/24'] }],
          deny: [{ fqdn: ['base.test'] }],
        }),
      ],
      job,
      options,
    );
    assert.equal(judgeName(compiled, 'extra.test').allowed, holds);
    assert.equal(judgeName(compiled, 'registry.npmjs.org').allowed, holds);
    assert.equal(compiled.cidrs.length, holds ? 1 : 0);
    assert.equal(ruleOf(compiled, 'base.test'), 'EgressPolicy ci/build deny[0]');
  });
}

test('any deny wins, from whichever policy', () => {
  const compiled = compile(
    [
      policy('a-allows', { allow: [{ fqdn: ['**.a.test'] }, { cidr: ['192.0.2.0/25'] }] }),
      policy('b-denies', { deny: [{ fqdn: ['x.a.test'] }, { cidr: ['192.0.2.0/24'] }] }),
    ],
    job,
  );
  assert.equal(judgeName(compiled, 'y.a.test').allowed, true);
  assert.equal(ruleOf(compiled, 'x.a.test'), 'EgressPolicy ci/b-denies deny[0]');
  assert.equal(toAddress(compiled, '192.0.2.1', 443), 'deny-rule EgressPolicy ci/b-denies deny[1]');
});

test('the GitLab instance and its hosts are reachable on their ports alone', () => {
  const compiled = compile(
    [
      binding('main', {
        gitlab: {
          url: 'http://gitlab.test/ci',
          extraHosts: [{ host: 'registry.test', port: 5050 }, { host: '198.51.100.7' }],
        },
      }),
    ],
    job,
  );
  const lines = (name: string) =>
    judgeName(compiled, name).permissions.map(({ protocol, from, to }) => [protocol, from, to]);
  assert.deepEqual(lines('gitlab.test'), [[6, 80, 80]]);
  assert.deepEqual(lines('registry.test'), [[6, 5050, 5050]]);
  assert.equal(judgeName(compiled, 'gitlab.test').private, true);
  assert.equal(judgeName(compiled, 'a.gitlab.test').allowed, false);
  assert.equal(toAddress(compiled, '198.51.100.7', 443), 'cidr RunnerBinding ci/main gitlab');
  assert.equal(toAddress(compiled, '198.51.100.8', 443), 'default default');
});

test('a deny takes GitLab away too, and a binding can keep its answers public', () => {
  const compiled = compile(
    [
      binding('main', {
        gitlab: { url: 'https://gitlab.test', extraHosts: [{ host: 'x.test' }], private: false },
      }),
      policy('no', { deny: [{ fqdn: ['gitlab.test'] }] }),
    ],
    job,
  );
  assert.equal(ruleOf(compiled, 'gitlab.test'), 'EgressPolicy ci/no deny[0]');
  assert.equal(judgeName(compiled, 'x.test').private, false);
});

test('modes and upstreams come from the bindings of the target', () => {
  const documents = [
    binding('a', { mode: 'Observe', dns: { upstreams: ['192.0.2.53', '192.0.2.54:5353'] } }),
    binding('b', { mode: 'Observe', dns: { upstreams: ['192.0.2.53'] } }),
    binding('c', { mode: 'Block', dns: { upstreams: ['198.51.100.1'] } }, 'web'),
  ];
  const compiled = compile(documents, job);
  assert.equal(compiled.mode, 'Observe');
  assert.deepEqual(compiled.upstreams, ['192.0.2.53', '192.0.2.54:5353']);
  assert.equal(compile(documents, job, { ignoreNamespaces: true }).mode, 'Block');
});

test('the digest depends on what is enforced and not on the order of the documents', () => {
  const documents = [
    policy('a', { allow: [{ fqdn: ['a.test'] }] }),
    policy('b', { allow: [{ cidr: ['192.0.2.0/24'] }] }),
    binding('c', { gitlab: { url: 'https://gitlab.test' } }),
    policy('d', { selector: { projects: ['1'] }, allow: [{ fqdn: ['d.test'] }] }),
  ];
  const { digest } = compile(documents, job);
  assert.equal(compile(documents.toReversed(), job).digest, digest);
  assert.equal(compile(documents.slice(0, 3), job).digest, digest);
  assert.notEqual(compile(documents.slice(1), job).digest, digest);
  assert.notEqual(
    compile([...documents, binding('z', { mode: 'Observe' })], job).digest,
    undefined,
  );
  const wider = policy('a', { allow: [{ fqdn: ['a.test'], ports: [{ port: 80 }] }] });
  assert.notEqual(compile([wider, ...documents.slice(1)], job).digest, digest);
});

test('too many port ranges for one name are found when compiling, wherever the rules stand', () => {
  const ports = (first: number) =>
    Array.from({ length: 9 }, (_, index) => ({ port: first + 2 * index }));
  const one = (fqdn: string, first: number) =>
    policy(`p${first}`, { allow: [{ fqdn: [fqdn], ports: ports(first) }] });
  const pairs = [
    ['a.b.test', '*.b.test'],
    ['a.b.test', '**.b.test'],
    ['*.b.test', '**.b.test'],
    ['**.a.b.test', '**.b.test'],
    ['*.a.b.test', '**.b.test'],
    ['a.b.test', 'a.b.test'],
  ] as const;
  for (const [first, second] of pairs) {
    assert.throws(() => compile([one(first, 1000), one(second, 2000)], job), {
      code: 'TW_POLICY_TOO_MANY_LINES',
    });
  }
  compile([one('*.a.b.test', 1000), one('*.b.test', 2000), one('b.test', 3000)], job);
});

test('too many port ranges for one prefix are found too', () => {
  const ports = (first: number) =>
    Array.from({ length: 9 }, (_, index) => ({ port: first + 2 * index }));
  const wide = policy('w', { allow: [{ cidr: ['192.0.2.0/24'], ports: ports(1000) }] });
  const narrow = policy('n', { allow: [{ cidr: ['192.0.2.8/32'], ports: ports(2000) }] });
  assert.throws(() => compile([wide, narrow], job), {
    code: 'TW_POLICY_TOO_MANY_LINES',
    message: '192.0.2.8/32 is named by rules with more than 16 different port ranges together.',
  });
});

test('a document that was never checked is an error that names it', () => {
  const unchecked = policy('x', { allow: [{ cidr: ['192.0.2.0/24'] }] });
  if (unchecked.kind === 'EgressPolicy') unchecked.spec.allow?.[0]?.cidr?.push('192.0.2.1/24');
  assert.throws(() => compile([unchecked], job), {
    code: 'TW_POLICY_INVALID',
    message:
      'EgressPolicy ci/x: allow[0]: "192.0.2.1/24" has bits set behind its prefix length of 24',
  });
});

test('what is compiled says what the documents say, one by one', () => {
  const name = fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'x.test');
  const pattern = fc.constantFrom('a.test', 'b.a.test', '*.a.test', '**.a.test', 'x.test');
  const rule = fc.record({
    fqdn: fc.array(pattern, { minLength: 1, maxLength: 2 }),
    ports: fc.array(fc.record({ port: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 1,
      maxLength: 2,
    }),
  });
  const spec = fc.record({
    selector: fc.record({ projects: fc.constantFrom<string[]>(['314'], ['1']) }),
    allow: fc.array(rule, { maxLength: 3 }),
    deny: fc.array(rule, { maxLength: 2 }),
  });
  const matches = (text: string, wanted: string) => {
    const rest = text.replace(/^\*+\./, '');
    if (!text.startsWith('*')) return text === wanted;
    if (!wanted.endsWith(`.${rest}`)) return false;
    return text.startsWith('**') || !wanted.slice(0, -rest.length - 1).includes('.');
  };
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 3 }), name, (specs, wanted) => {
      const compiled = compile(
        specs.map((one, index) => policy(`p${index}`, one)),
        job,
      );
      const mine = specs.filter((one) => one.selector.projects.includes('314'));
      const opened = (rules: (one: (typeof specs)[number]) => (typeof specs)[number]['allow']) =>
        new Set(
          mine
            .flatMap(rules)
            .filter((one) => one.fqdn.some((text) => matches(text, wanted)))
            .flatMap((one) => one.ports.map(({ port }) => port)),
        );
      const expected = opened((one) => one.allow).difference(opened((one) => one.deny));
      const judged = judgeName(compiled, wanted);
      assert.equal(judged.allowed, expected.size > 0);
      for (let port = 1; port <= 4 && judged.allowed; port++) {
        const line = judged.permissions.find((one) => one.from <= port && port <= one.to);
        assert.equal(line?.action === 'allow', expected.has(port));
      }
    }),
    { numRuns: rounds(500) },
  );
});
