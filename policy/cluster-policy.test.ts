import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TorwachtDocument } from '#api/documents.ts';
import { apiVersion } from '#api/version.ts';
import { rounds } from '../test/runner/rounds.ts';
import { checkDocument } from './check-document.ts';
import { compile } from './compile.ts';
import { parseDestination } from './destination.ts';
import { explain } from './explain.ts';
import { judgeDestination } from './judge-destination.ts';
import { judgeName } from './judge-name.ts';
import type { CompiledPolicy, Identity } from './types.ts';

function checked(kind: string, metadata: object, spec: object): TorwachtDocument {
  const { document, problems } = checkDocument({ apiVersion, kind, metadata, spec });
  assert.deepEqual(problems, []);
  assert.ok(document);
  return document;
}
const cluster = (name: string, spec: object) => checked('ClusterEgressPolicy', { name }, spec);
const policy = (name: string, spec: object, namespace = 'ci') =>
  checked('EgressPolicy', { name, namespace }, spec);
const binding = (name: string, spec: object, namespace = 'ci') =>
  checked('RunnerBinding', { name, namespace }, spec);

const job: Identity = { namespace: 'ci', project: '314', job: 'build' };
function reaches(compiled: CompiledPolicy, text: string): boolean {
  const destination = parseDestination(text);
  assert.ok(!('message' in destination));
  return judgeDestination(compiled, destination).allowed;
}
const ruleOf = (compiled: CompiledPolicy, name: string) =>
  compiled.rules[judgeName(compiled, name).rule]?.name;

test('a deny of the cluster is final, for what it allows itself and for GitLab too', () => {
  const compiled = compile(
    [
      cluster('floor', {
        allow: [{ fqdn: ['a.test', 'b.test'] }],
        deny: [{ fqdn: ['a.test', 'c.test', 'gitlab.test'] }, { cidr: ['192.0.2.0/24'] }],
      }),
      policy('p', { allow: [{ fqdn: ['c.test'] }, { cidr: ['192.0.2.7/32'] }] }),
      binding('b', { gitlab: { url: 'https://gitlab.test' } }),
    ],
    job,
  );
  assert.equal(reaches(compiled, 'b.test'), true);
  for (const refused of ['a.test', 'c.test', 'gitlab.test', '192.0.2.7'])
    assert.equal(reaches(compiled, refused), false, refused);
  assert.equal(ruleOf(compiled, 'c.test'), 'ClusterEgressPolicy floor deny[0]');
  assert.deepEqual(compiled.rules[1], {
    name: 'ClusterEgressPolicy floor deny[0]',
    policy: 'floor',
  });
});

test('where both refuse, the row names the cluster policy', () => {
  const deny = { deny: [{ fqdn: ['a.test'] }] };
  const compiled = compile([policy('a', deny), cluster('z', deny)], job);
  assert.equal(ruleOf(compiled, 'a.test'), 'ClusterEgressPolicy z deny[0]');
});

test('a ceiling bounds policies and presets of namespaces, and not what the platform allows', () => {
  const documents = [
    cluster('most', { ceiling: { presets: ['npm'], allow: [{ fqdn: ['**.corp.test'] }] } }),
    cluster('base', { allow: [{ fqdn: ['base.test'] }] }),
    policy('p', {
      presets: ['npm', 'pypi'],
      allow: [{ fqdn: ['x.corp.test', 'evil.test'] }, { cidr: ['192.0.2.0/24'] }],
    }),
    binding('b', { gitlab: { url: 'https://gitlab.test' } }),
  ];
  const compiled = compile(documents, job);
  for (const allowed of ['x.corp.test', 'registry.npmjs.org', 'base.test', 'gitlab.test'])
    assert.equal(reaches(compiled, allowed), true, allowed);
  for (const refused of ['evil.test', 'pypi.org', '192.0.2.1', 'y.corp.test'])
    assert.equal(reaches(compiled, refused), false, refused);
  assert.equal(reaches(compile(documents.slice(1), job), 'evil.test'), true);
});

test('of two ceilings both hold, and an empty one leaves nothing', () => {
  const open = policy('p', { allow: [{ fqdn: ['**.a.test'], ports: [{ port: 1, endPort: 99 }] }] });
  const one = cluster('one', {
    ceiling: { allow: [{ fqdn: ['**.a.test'], ports: [{ port: 50, endPort: 60 }] }] },
  });
  const two = cluster('two', {
    ceiling: { allow: [{ fqdn: ['*.a.test'], ports: [{ port: 55, endPort: 80 }] }] },
  });
  const both = compile([open, one, two], job);
  assert.equal(reaches(both, 'x.a.test:55'), true);
  assert.equal(reaches(both, 'x.a.test:54'), false);
  assert.equal(reaches(both, 'y.x.a.test:55'), false);
  const nothing = compile([open, cluster('none', { ceiling: {} })], job);
  assert.deepEqual([nothing.names, nothing.cidrs], [[], []]);
});

test('namespaces are chosen by label; where nobody knows labels, only what narrows holds', () => {
  const documents = [
    cluster('team', {
      namespaceSelector: { matchLabels: { team: 'a' } },
      allow: [{ fqdn: ['team.test'] }],
      deny: [{ fqdn: ['bad.test'] }],
      ceiling: { allow: [{ fqdn: ['**.corp.test'] }] },
    }),
    policy('p', { allow: [{ fqdn: ['bad.test', 'out.test', 'in.corp.test'] }] }),
  ];
  const asked = ['team.test', 'bad.test', 'out.test', 'in.corp.test'];
  const reached = (identity: Identity, options = {}) =>
    asked.map((name) => reaches(compile(documents, identity, options), name));
  assert.deepEqual(reached({ ...job, namespaceLabels: { team: 'a' } }), [true, false, false, true]);
  assert.deepEqual(reached({ ...job, namespaceLabels: {} }), [false, true, true, true]);
  assert.deepEqual(reached(job), [false, false, false, true]);
  assert.deepEqual(reached(job, { ignoreNamespaces: true }), [true, false, false, true]);
});

test('without trust in job names, a cluster policy for a job narrows and opens nothing', () => {
  const documents = [
    cluster('build', {
      selector: { jobs: ['build'] },
      allow: [{ fqdn: ['a.test'] }],
      deny: [{ fqdn: ['b.test'] }],
      ceiling: { allow: [{ fqdn: ['b.test', 'c.test'] }] },
    }),
    policy('p', { allow: [{ fqdn: ['b.test', 'c.test', 'd.test'] }] }),
  ];
  const reached = (trust: boolean) => {
    const compiled = compile([...documents, binding('b', { trust: { jobNames: trust } })], job);
    return ['a.test', 'b.test', 'c.test', 'd.test'].map((name) => reaches(compiled, name));
  };
  assert.deepEqual(reached(false), [false, false, true, false]);
  assert.deepEqual(reached(true), [true, false, true, false]);
});

test('more than a target can hold is an error, and no long wait', () => {
  const names = (count: number, of: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => of(index));
  const most = Array.from({ length: 256 }, (_, rule) => ({
    fqdn: names(256, (index) => `n${rule}-${index}.a.test`),
  }));
  const documents = [
    cluster('most', { ceiling: { allow: most } }),
    policy('p', { allow: [{ fqdn: ['*.a.test'] }, { fqdn: ['**.a.test'] }] }),
  ];
  assert.throws(() => compile(documents, job), { code: 'TW_POLICY_TOO_LARGE' });
});

test('explain says which ceiling takes a rule away', () => {
  const destination = parseDestination('evil.test');
  assert.ok(!('message' in destination));
  const { allowed, hints } = explain({
    documents: [
      cluster('most', { ceiling: { allow: [{ fqdn: ['**.corp.test'] }] } }),
      cluster('wide', { ceiling: { allow: [{ fqdn: ['evil.test'] }] } }),
      policy('p', { allow: [{ fqdn: ['evil.test'] }] }),
    ],
    identity: job,
    options: {},
    destination,
  });
  assert.equal(allowed, false);
  assert.deepEqual(hints, [
    'EgressPolicy ci/p allow[0] would allow it, but the ceiling of ClusterEgressPolicy most does not.',
  ]);
});

// ---- against a slow oracle that knows nothing of indexes, lines and prefixes that nest --------------

interface Rule {
  readonly fqdn?: readonly string[];
  readonly cidr?: readonly string[];
  readonly ports?: readonly { readonly port: number; readonly endPort?: number }[];
}
interface Spec {
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
  readonly ceiling?: { readonly allow: readonly Rule[] };
}

const host = fc.constantFrom(
  ...['a.test', 'b.a.test', 'c.b.a.test', 'd.c.b.a.test', 'x.test'],
  ...['192.0.2.1', '192.0.2.2', '192.0.2.9', '198.51.100.1'],
);
const patterns = ['a.test', 'b.a.test', '*.a.test', '**.a.test', '*.b.a.test', '**.b.a.test'];
const fqdn = fc.constantFrom(...patterns);
const cidr = fc.constantFrom('192.0.2.0/24', '192.0.2.0/29', '192.0.2.2/32', '128.0.0.0/1');
const ports = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 }))
    .map(([port, more]) => (more === 0 ? { port } : { port, endPort: port + more })),
  { minLength: 1, maxLength: 2 },
);
const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ fqdn: fc.array(fqdn, { minLength: 1, maxLength: 2 }), ports }),
  fc.record({ cidr: fc.array(cidr, { minLength: 1, maxLength: 2 }), ports }),
);
const rules = (maxLength: number) => fc.array(rule, { maxLength });
const namespaceSpec = fc.record({ allow: rules(3), deny: rules(1) });
const clusterSpec = fc.record(
  { allow: rules(2), deny: rules(1), ceiling: fc.record({ allow: rules(3) }) },
  { requiredKeys: ['allow', 'deny'] },
);

function says(one: Rule, wanted: string, port: number): boolean {
  const numbers = (address: string) => address.split('.').map(Number);
  const isAddress = /^[0-9.]+$/.test(wanted);
  const at = isAddress
    ? (one.cidr ?? []).some((text) => {
        const [network = '', length = '0'] = text.split('/');
        const bits = (address: string) =>
          numbers(address)
            .map((octet) => octet.toString(2).padStart(8, '0'))
            .join('');
        return bits(network).slice(0, Number(length)) === bits(wanted).slice(0, Number(length));
      })
    : (one.fqdn ?? []).some((text) => {
        const more = text.startsWith('**.') ? '(.+\\.)' : text.startsWith('*.') ? '([^.]+\\.)' : '';
        const rest = text.replace(/^\*+\./, '').replaceAll('.', '\\.');
        return new RegExp(`^${more}${rest}$`).test(wanted);
      });
  return at && (one.ports ?? []).some((of) => of.port <= port && port <= (of.endPort ?? of.port));
}

function oracle(clusters: readonly Spec[], spaces: readonly Spec[], wanted: string, port: number) {
  const some = (list: readonly Rule[]) => list.some((one) => says(one, wanted, port));
  if ([...clusters, ...spaces].some(({ deny }) => some(deny))) return false;
  if (clusters.some(({ allow }) => some(allow))) return true;
  return (
    spaces.some(({ allow }) => some(allow)) &&
    clusters.every(({ ceiling }) => ceiling === undefined || some(ceiling.allow))
  );
}

test('nothing is reached but what namespaces may allow, or the platform allows, and no deny names', () => {
  fc.assert(
    fc.property(
      fc.array(clusterSpec, { maxLength: 3 }),
      fc.array(namespaceSpec, { maxLength: 3 }),
      host,
      (clusters, spaces, wanted) => {
        const compiled = compile(
          [
            ...clusters.map((spec, index) => cluster(`c${index}`, spec)),
            ...spaces.map((spec, index) => policy(`p${index}`, spec)),
          ],
          job,
        );
        for (let port = 1; port <= 6; port++) {
          const expected = oracle(clusters as readonly Spec[], spaces, wanted, port);
          assert.equal(reaches(compiled, `${wanted}:${port}`), expected, `${wanted}:${port}`);
        }
      },
    ),
    { numRuns: rounds(2000) },
  );
});
