import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBundle, readPiece } from '#policy/bundle/read.ts';
import { compile } from '#policy/compile.ts';
import { judgeName } from '#policy/judge-name.ts';
import { binding, cluster, policy, type Stored, worldOf } from '../testing/objects.ts';
import { type Build, build, type Memory } from './build.ts';

const runners = binding('ci/runners');
const fresh = (): Memory => ({ before: new Map(), agreed: new Map() });
const after = (built: Build): Memory => ({
  before: built.bundle?.documents ?? new Map(),
  agreed: new Map(),
});

function built(objects: readonly Stored[], memory = fresh(), labels = {}) {
  const governing = objects.find((object) => object.kind === 'RunnerBinding') ?? runners;
  return build(governing, worldOf(objects, labels), memory);
}
const titles = ({ bundle }: Build) => [...(bundle?.documents.keys() ?? [])].sort();
const reasons = ({ refused }: Build) =>
  Object.fromEntries([...refused].map(([title, { reason }]) => [title, reason]));

/** What a pod of the namespace may resolve, as a node finds it that knows pieces and nothing else. */
function resolves({ bundle }: Build, name: string, namespace = 'ci'): boolean {
  assert.ok(bundle);
  const pieces = new Map(
    bundle.pieces.map((one) => [one.digest, readPiece(one.digest, one.content)]),
  );
  const head = { digest: bundle.digest, pieces: [...pieces.keys()] };
  const documents = readBundle(head, (digest) => pieces.get(digest));
  return judgeName(compile(documents, { namespace }), name).allowed;
}

const allow = (...fqdn: string[]) => ({ allow: [{ fqdn }] });
const ranges = (first: number) =>
  Array.from({ length: 9 }, (_, index) => ({ port: first + 2 * index }));

test('a bundle holds the binding and the policies of its namespaces, and no others', () => {
  const found = built([
    runners,
    policy('ci/a', allow('a.test')),
    policy('web/b', allow('b.test')),
    binding('web/others'),
    cluster('floor', { deny: [{ fqdn: ['x.a.test'] }] }),
  ]);
  assert.deepEqual(titles(found), [
    'ClusterEgressPolicy floor',
    'EgressPolicy ci/a',
    'RunnerBinding ci/runners',
  ]);
  assert.deepEqual([resolves(found, 'a.test'), resolves(found, 'b.test')], [true, false]);
});

test('cluster policies go with the namespaces that they select, by names that nodes can compare', () => {
  const wide = binding('ci/runners', { selector: { namespaces: ['ci', 'web', 'docs'] } });
  const objects = [
    wide,
    cluster('team', { namespaceSelector: { matchLabels: { team: 'a' } }, ...allow('t.test') }),
    cluster('other', { namespaceSelector: { matchLabels: { team: 'z' } }, ...allow('z.test') }),
  ];
  const found = built(objects, fresh(), { ci: { team: 'a' }, web: { team: 'a' }, docs: {} });
  assert.deepEqual(titles(found), ['ClusterEgressPolicy team', 'RunnerBinding ci/runners']);
  assert.deepEqual(
    ['ci', 'web', 'docs'].map((namespace) => resolves(found, 't.test', namespace)),
    [true, true, false],
  );
});

test('the bundle does not hang on the order of objects, nor on their status', () => {
  const objects = [
    runners,
    ...['a', 'b', 'c'].map((name) => policy(`ci/${name}`, allow(`${name}.test`))),
    cluster('floor'),
  ];
  const noisy = objects.map((object) => ({ ...object, status: { conditions: [] } }) as Stored);
  assert.equal(built(noisy.toReversed()).bundle?.digest, built(objects).bundle?.digest);
});

const hosts = (rules: number, each: number) =>
  Array.from({ length: rules }, (_, rule) => ({
    fqdn: Array.from({ length: each }, (_, host) => `h${host}.r${rule}.${'x'.repeat(60)}.test`),
  }));

const bad: readonly (readonly [what: string, spec: object, reason: string, message: RegExp])[] = [
  ['a preset that is unknown', { presets: ['npn'] }, 'UnknownPreset', /Did you mean "npm"/],
  ['a name that is an address', allow('192.0.2.1'), 'ImpossibleName', /under `cidr`/],
  ['a prefix with bits behind', { allow: [{ cidr: ['192.0.2.1/24'] }] }, 'InvalidSpec', /bits set/],
  ['more than a piece holds', { allow: hosts(256, 20) }, 'PolicyTooLarge', /Split it/],
];
for (const [what, spec, reason, message] of bad) {
  test(`${what}: refused, what was in force stays, and the others are untouched`, () => {
    const first = built([
      runners,
      policy('ci/a', allow('a.test')),
      policy('ci/b', allow('b.test')),
    ]);
    const objects = [
      runners,
      policy('ci/a', spec, { generation: 2 }),
      policy('ci/b', allow('c.test'), { generation: 2 }),
    ];
    const second = built(objects, after(first));
    assert.deepEqual(reasons(second), { 'EgressPolicy ci/a': reason });
    assert.match(second.refused.get('EgressPolicy ci/a')?.message ?? '', message);
    assert.deepEqual(
      ['a.test', 'b.test', 'c.test'].map((name) => resolves(second, name)),
      [true, false, true],
    );
    const never = built(objects);
    assert.deepEqual(reasons(never), { 'EgressPolicy ci/a': reason });
    assert.deepEqual([resolves(never, 'a.test'), resolves(never, 'c.test')], [false, true]);
    const recreated = objects.with(1, policy('ci/a', spec, { uid: 'another' }));
    assert.equal(resolves(built(recreated, after(first)), 'a.test'), false);
  });
}

test('of policies that do not go together the older one stays, and after an edit the one in force', () => {
  const first = policy('ci/a', { allow: [{ fqdn: ['x.test'], ports: ranges(1000) }] });
  const second = policy(
    'ci/b',
    { allow: [{ fqdn: ['x.test', 'y.test'], ports: ranges(2000) }] },
    { created: 5 },
  );
  const untouched = policy('ci/c', allow('c.test'), { created: 9 });
  const found = built([untouched, second, first, runners]);
  assert.deepEqual(reasons(found), { 'EgressPolicy ci/b': 'TooManyPortRanges' });
  assert.deepEqual(
    ['x.test', 'y.test', 'c.test'].map((name) => resolves(found, name)),
    [true, false, true],
  );

  const narrow = policy('ci/b', allow('y.test'), { created: 5 });
  const good = built([first, narrow, runners]);
  assert.deepEqual(reasons(good), {});
  const edited = built(
    [first, { ...second, metadata: { ...second.metadata, generation: 2 } }, runners],
    after(good),
  );
  assert.deepEqual(reasons(edited), { 'EgressPolicy ci/b': 'TooManyPortRanges' });
  assert.equal(resolves(edited, 'y.test'), true);
  // Another one gives way, although it is the younger that was in force.
  const wider = policy(
    'ci/a',
    { allow: [{ fqdn: ['y.test'], ports: ranges(1000) }] },
    { generation: 2 },
  );
  const before = after(
    built([
      policy('ci/a', allow('a.test')),
      policy('ci/b', { allow: [{ fqdn: ['y.test'], ports: ranges(3000) }] }),
      runners,
    ]),
  );
  const kept = built(
    [wider, policy('ci/b', { allow: [{ fqdn: ['y.test'], ports: ranges(3000) }] }), runners],
    before,
  );
  assert.deepEqual(reasons(kept), { 'EgressPolicy ci/a': 'TooManyPortRanges' });
});

test('a binding that is not sound holds as it was; one that never was holds nobody', () => {
  const wrong = { gitlab: { url: 'gitlab.test', private: true } };
  const objects = [
    binding('ci/runners', wrong, { generation: 2 }),
    policy('ci/a', allow('a.test')),
  ];
  const never = built(objects);
  assert.equal(never.bundle, null);
  assert.deepEqual(reasons(never), { 'RunnerBinding ci/runners': 'InvalidSpec' });
  const first = built([
    binding('ci/runners', { gitlab: { url: 'https://gitlab.test', private: true } }),
  ]);
  const second = built(objects, after(first));
  assert.deepEqual(
    ['gitlab.test', 'a.test'].map((name) => resolves(second, name)),
    [true, true],
  );
});

test('a namespace that did not change is not compiled again', () => {
  const memory = fresh();
  const wide = binding('ci/runners', { selector: { namespaces: ['ci', 'web'] } });
  const objects = [wide, policy('ci/a', allow('a.test')), policy('web/b', allow('b.test'))];
  built(objects, memory);
  const before = new Map(memory.agreed);
  assert.deepEqual([...before.keys()], ['ci', 'web']);
  built(objects.with(1, policy('ci/a', allow('c.test'), { generation: 2 })), memory);
  assert.notEqual(memory.agreed.get('ci'), before.get('ci'));
  assert.equal(memory.agreed.get('web'), before.get('web'));
});
