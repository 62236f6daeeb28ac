import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TorwachtDocument } from '#api/documents.ts';
import { dohAddresses } from './always-denied.ts';
import { constantAddress, constantPrefix, contains } from './cidr.ts';
import { compile } from './compile.ts';
import { type Destination, destinationProtocols, parseDestination } from './destination.ts';
import { type Explanation, explain } from './explain.ts';
import { judgeName } from './judge-name.ts';
import { parsePolicies } from './load.ts';
import type { CompiledPolicy, Identity } from './types.ts';
import { type VerdictQuery, type VerdictState, verdict } from './verdict.ts';

const options = { ignoreNamespaces: true, trustIdentity: true };

function documentsOf(...specs: readonly (Readonly<Record<string, unknown>> & { name?: string })[]) {
  const texts = specs.map(({ name = 'web', ...spec }) =>
    JSON.stringify({
      apiVersion: 'torwacht.io/v1alpha1',
      kind: 'EgressPolicy',
      metadata: { name, namespace: 'ci' },
      spec,
    }),
  );
  const content = new TextEncoder().encode(texts.join('\n---\n'));
  const loaded = parsePolicies([{ file: 'p.yaml', content }]);
  assert.deepEqual(loaded.problems, []);
  return loaded.documents;
}

function asked(text: string): Destination {
  const destination = parseDestination(text);
  assert.ok(!('message' in destination), text);
  return destination;
}

function explained(
  documents: readonly TorwachtDocument[],
  text: string,
  identity: Identity = { namespace: 'default' },
): Explanation {
  return explain({ documents, identity, options, destination: asked(text) });
}

const web = documentsOf(
  {
    presets: ['npm'],
    allow: [
      { fqdn: ['api.example.com', '*.cdn.example.com'] },
      { fqdn: ['**.deep.example.com'], private: true, ports: [{ port: 8000, endPort: 8010 }] },
      { cidr: ['192.0.2.0/24', '192.0.2.64/26'], ports: [{ port: 5432 }] },
    ],
    deny: [{ fqdn: ['**.tracking.example.com'] }, { cidr: ['203.0.113.0/28'] }],
  },
  {
    name: 'deploy',
    selector: { projects: ['4711'], jobs: ['deploy-*'] },
    allow: [{ fqdn: ['deploy.example.com'] }],
  },
);

type Expected = readonly [destination: string, verdict: string, rule: string, hint: RegExp];

const cases: readonly Expected[] = [
  ['registry.npmjs.org', 'allowed name', 'EgressPolicy ci/web preset npm', /^$/],
  ['x.cdn.example.com', 'allowed name', 'EgressPolicy ci/web allow[0]', /^$/],
  ['x.y.cdn.example.com', 'refused default', '', /has 2 before cdn.*use \*\*\.cdn\.example\.com/],
  ['cdn.example.com', 'refused default', '', /for names below cdn\.example\.com/],
  ['www.api.example.com', 'refused default', '', /api\.example\.com is that name alone/],
  ['deep.example.com:8000', 'refused default', '', /for names below deep\.example\.com/],
  ['x.deep.example.com:8005', 'allowed name', 'EgressPolicy ci/web allow[1]', /^$/],
  ['x.deep.example.com', 'refused port', '', /allow 8000-8010\/TCP, and this is 443\/TCP/],
  ['udp://api.example.com', 'refused port', '', /allow 443\/TCP, and this is 443\/UDP/],
  ['a.tracking.example.com', 'refused deny-rule', 'EgressPolicy ci/web deny[0]', /deny wins/],
  ['deploy.example.com', 'refused default', '', /deploy would allow it, but is only for project/],
  ['pypi.org', 'refused default', '', /preset pypi holds this name/],
  ['registry.npmjs.com', 'refused default', '', /registry\.npmjs\.org is allowed/],
  ['dns.google', 'refused doh', '', /No policy/],
  ['metadata.google.internal', 'refused metadata', '', /No policy/],
  ['api.example.com:853', 'refused dot', '', /No policy/],
  ['192.0.2.70:5432', 'allowed cidr', 'EgressPolicy ci/web allow[2]', /^$/],
  ['192.0.2.7', 'refused port', '', /allow 5432\/TCP/],
  ['203.0.113.5', 'refused deny-rule', 'EgressPolicy ci/web deny[1]', /deny wins/],
  ['198.51.100.1', 'refused default', '', /^$/],
  ['127.0.0.1:80', 'refused local-service', '', /^$/],
  ['169.254.169.254:80', 'refused metadata', '', /No policy/],
  ['1.1.1.1', 'refused doh', '', /No policy/],
  ['192.0.2.253', 'refused probe', '', /No policy/],
  ['[2001:db8::1]:443', 'refused ipv6', '', /No policy/],
];

for (const [text, expected, rule, hint] of cases) {
  test(`${text}: ${expected}`, () => {
    const told = explained(web, text);
    assert.equal(`${told.allowed ? 'allowed' : 'refused'} ${told.reason}`, expected);
    assert.equal(told.rule?.rule ?? '', rule);
    assert.match(told.hints.join('\n'), hint);
    assert.equal(told.passes, told.allowed);
    assert.ok(told.steps.length > 0);
  });
}

test('the rule is found in its document, down to the entry that matched', () => {
  const at = (text: string) => {
    const { rule } = explained(web, text);
    return `${rule?.path.join('.')} ${rule?.match}`;
  };
  assert.equal(at('x.cdn.example.com'), 'spec.allow.0.fqdn.1 *.cdn.example.com');
  assert.equal(at('registry.npmjs.org'), 'spec.presets.0 registry.npmjs.org');
  assert.equal(at('192.0.2.70:5432'), 'spec.allow.2.cidr.1 192.0.2.64/26');
  assert.equal(at('192.0.2.7:5432'), 'spec.allow.2.cidr.0 192.0.2.0/24');
  assert.equal(at('203.0.113.5'), 'spec.deny.1.cidr.0 203.0.113.0/28');
});

test('the hosts of a GitLab instance are the binding’s', () => {
  const content = new TextEncoder().encode(
    `{apiVersion: torwacht.io/v1alpha1, kind: RunnerBinding, metadata: {name: r},
      spec: {mode: Observe, gitlab: {url: "https://gitlab.example.com"}}}`,
  );
  const { documents } = parsePolicies([{ file: 'r.yaml', content }]);
  const told = explained(documents, 'gitlab.example.com');
  assert.equal(told.rule?.rule, 'RunnerBinding default/r gitlab');
  assert.deepEqual(told.rule?.path, ['spec', 'gitlab']);
  assert.match(JSON.stringify(told.steps), /private: true/);
  const other = explained(documents, 'other.example.com');
  assert.equal(other.allowed, false);
  assert.equal(other.passes, true, 'Observe lets it pass');
  assert.equal(explained(documents, 'dns.google').passes, false, 'but not what is always denied');
});

test('documents for others are told, with what was given; the right job selects them', () => {
  const given = { namespace: 'default', project: '4711', job: 'te"st' };
  assert.deepEqual(explained(web, 'deploy.example.com', given).notSelected, [
    { title: 'EgressPolicy ci/deploy', why: 'only for job deploy-* (given: job "te\\"st")' },
  ]);
  const right = explained(web, 'deploy.example.com', { ...given, job: 'deploy-x' });
  assert.ok(right.allowed);
  assert.deepEqual(right.notSelected, []);
});

test('that private answers are refused is told of every allowed name', () => {
  const answer = (text: string) =>
    explained(web, text).steps.find(({ question }) => question === 'answer')?.answer;
  assert.match(answer('api.example.com') ?? '', /private address is refused/);
  assert.match(answer('x.deep.example.com:8000') ?? '', /may be private ones/);
});

test('a denied prefix that holds every address refuses names too; a narrower one is told', () => {
  const all = documentsOf({ presets: ['npm'], deny: [{ cidr: ['0.0.0.0/0'] }] });
  const told = explained(all, 'registry.npmjs.org');
  assert.equal(told.allowed, false);
  assert.equal(told.rule?.rule, 'EgressPolicy ci/web deny[0]');
  const open = documentsOf({
    presets: ['npm'],
    allow: [{ cidr: ['0.0.0.0/0'], ports: [{ port: 8000 }] }],
  });
  const byPrefix = explained(open, 'registry.npmjs.org:8000');
  assert.equal(byPrefix.rule?.rule, 'EgressPolicy ci/web allow[0]');
  assert.equal(byPrefix.steps.at(-1)?.question, 'allow rules of prefixes');
  const some = explained(web, 'api.example.com');
  assert.ok(some.allowed);
  assert.match(JSON.stringify(some.steps), /refused where its address is in 203\.0\.113\.0\/28/);
});

test('explain gives the verdict of judgeName and verdict for every policy and destination', () => {
  const name = fc.constantFrom('x.test', 'a.x.test', 'b.x.test', 'a.b.x.test');
  const ports = fc.uniqueArray(fc.constantFrom(80, 443), { minLength: 1, maxLength: 2 });
  const port = fc.record({
    ports: fc.option(
      fc
        .tuple(ports, fc.constantFrom('TCP', 'UDP'))
        .map(([list, protocol]) => list.map((one) => ({ port: one, protocol }))),
      { nil: undefined },
    ),
  });
  const prefix = fc.constantFrom(
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '127.0.0.0/8',
    '10.1.2.3/32',
  );
  const to = fc.oneof(
    fc
      .tuple(fc.constantFrom('', '*.', '**.'), name)
      .map(([marker, text]) => ({ fqdn: [marker + text] })),
    prefix.map((text) => ({ cidr: [text] })),
  );
  const rule = fc.tuple(to, port).map(([where, open]) => ({ ...where, ...open }));
  const spec = fc.record({
    selector: fc.constantFrom(undefined, { jobs: ['a*'] }, { jobs: ['b'] }, { projects: ['1'] }),
    allow: fc.array(rule, { minLength: 2, maxLength: 6 }),
    deny: fc.array(rule, { maxLength: 1 }),
  });
  const destination = fc
    .tuple(
      fc.oneof(
        name,
        fc.constantFrom(
          '10.1.2.3',
          '10.9.9.9',
          '127.0.0.1',
          '8.8.8.8',
          '169.254.1.1',
          'dns.google',
        ),
      ),
      fc.constantFrom(80, 443, 443, 443, 853),
      fc.constantFrom('tcp', 'tcp', 'udp'),
    )
    .map(([host, number, protocol]) => `${protocol}://${host}:${number}`);
  const specs = fc.array(spec, { minLength: 1, maxLength: 3 });
  const destinations = fc.array(destination, { minLength: 5, maxLength: 10 });
  let allowed = 0;
  let refused = 0;
  fc.assert(
    fc.property(specs, destinations, (list, texts) => {
      const documents = documentsOf(...list.map((one, index) => ({ name: `p${index}`, ...one })));
      const identity = { namespace: 'default', project: '2', job: 'ab' };
      const policy = compile(documents, identity, options);
      for (const text of texts) {
        const told = explained(documents, text, identity);
        const expected = oracle(policy, asked(text));
        assert.deepEqual(
          [told.allowed, told.reason, told.rule?.rule ?? 'default'],
          [expected.allow, expected.reason, policy.rules[expected.rule]?.name],
        );
        if (told.allowed) allowed++;
        else refused++;
      }
    }),
    { numRuns: 100 },
  );
  assert.ok(allowed > 20 && refused > 20, `${allowed} allowed, ${refused} refused`);
});

/** The two verdicts, asked without explain's help: a name has an address that no prefix but /0 holds. */
function oracle(policy: CompiledPolicy, { host, port, protocol }: Destination) {
  const learned = constantAddress('198.51.100.77');
  const daddr = 'address' in host ? host.address : learned;
  const query: VerdictQuery = {
    hook: 'packet',
    family: 4,
    daddr,
    protocol: destinationProtocols[protocol],
    dport: port,
    malformed: false,
    ipOptions: false,
    fragment: false,
    fresh: true,
    local: contains(constantPrefix('127.0.0.0/8'), daddr) ? 'foreign' : 'none',
    socketName: 0,
    now: 5,
  };
  const state: VerdictState = {
    resolver: null,
    names: new Map(),
    cidrs: policy.cidrs,
    learned: new Map(),
    doh: new Set(dohAddresses),
  };
  if (!('name' in host)) return verdict(query, state);
  const name = judgeName(policy, host.name.join('.'));
  if (!name.allowed) return { allow: false, reason: name.reason, rule: name.rule };
  return verdict(query, {
    ...state,
    names: new Map([[9, name.permissions]]),
    learned: new Map([[learned, [{ name: 9, expires: 10 }]]]),
  });
}
