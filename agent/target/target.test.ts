import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kernel } from '#bpf/kernel.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { Numbers } from './numbers.ts';
import { Target, type TargetSpec } from './target.ts';

const permissions = [{ action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 }] as const;
const policy: CompiledPolicy = {
  ...{ mode: 'Block', digest: '00', cidrs: [], upstreams: [] },
  rules: [
    { name: 'default', policy: '' },
    { name: 'web', policy: 'ci/web' },
  ],
  names: [
    {
      pattern: { labels: ['example', 'test'], wildcard: 'many' },
      private: false,
      permissions,
    },
  ],
};
const cgroup = { path: '/nowhere', id: 1n, level: 1 };
const resolver = { address: 0x7f000001, port: 1 };
const place = { flags: 0, resolver, mark: 0, uplinks: [], own: [] };
const addresses = [{ address: 0xc0000201, seconds: 60 }];

/** A target over a kernel that writes down what it is told; `fails` says what it cannot do. */
function create(
  numbers = new Numbers(),
  fails = new Set<string>(),
  more: Partial<TargetSpec> = {},
) {
  const log: string[] = [];
  const said = (what: string) => (first: unknown, second: unknown) => {
    if (fails.has(what)) throw new Error(what);
    log.push(`${what} ${first} ${second}`);
  };
  const keeping = {
    policy: () => {},
    name: said('name'),
    forgetName: (id: number) => said('forget')(id, ''),
  };
  const kernel = {
    keeping,
    ...{ setTarget: () => {}, deleteTarget: () => {}, setPolicy: () => {}, tick: () => 1 },
    ticks: (seconds: number) => seconds,
    setLines: (_table: number, id: number, lines: readonly unknown[]) =>
      said('lines')(id, lines.length),
    setLearned: (_target: number, address: number) => said('learned')(address, ''),
    ...{ deleteLearned: () => {}, deleteCidrsOf: () => {} },
  } as unknown as Kernel;
  const target = new Target(
    kernel,
    numbers,
    { slot: 0, id: 7, cgroup, place, ...more },
    policy,
    2n,
  );
  return { target, log, numbers };
}

test('a name is known before its answer, and learned with nothing but its address', () => {
  const { target, log } = create();
  target.prepare('a.example.test', permissions);
  assert.deepEqual(log.splice(0), ['name 1 7', 'lines 1 1']);
  target.learn('a.example.test', addresses, false);
  assert.deepEqual(log.splice(0), ['learned 3221225985 ']);
  target.abandon('a.example.test');
  assert.deepEqual(log, [], 'it has an address');
});

test('one that was looked up in vain gives its number back, without rules', () => {
  const { target, log } = create();
  target.prepare('a.example.test', permissions);
  log.length = 0;
  target.abandon('a.example.test');
  target.abandon('a.example.test');
  assert.deepEqual(log.splice(0), ['forget 1 ', 'lines 1 0']);
  target.learn('b.example.test', addresses, false);
  assert.deepEqual(log.slice(0, 2), ['name 1 7', 'lines 1 1']);
  assert.deepEqual(
    [...target.names].map(({ name }) => name),
    ['b.example.test'],
  );
});

test('one that the kernel has no room for is known to nobody, and tried again', () => {
  const fails = new Set(['lines']);
  const numbers = new Numbers();
  const { target } = create(numbers, fails);
  assert.throws(() => target.prepare('a.example.test', permissions), /lines/);
  fails.clear();
  target.learn('a.example.test', addresses, false);
  assert.deepEqual(
    [...target.names].map(({ name }) => name),
    ['a.example.test'],
  );
});

test('answers that come after a target’s end change nothing: its numbers are others’', () => {
  const { target, log, numbers } = create();
  target.prepare('a.example.test', permissions);
  target.end();
  const other = create(numbers);
  other.target.prepare('other.example.test', permissions);
  log.length = 0;
  target.abandon('a.example.test');
  target.prepare('b.example.test', permissions);
  target.learn('a.example.test', addresses, false);
  assert.deepEqual(log, []);
  assert.notEqual(numbers.nextName(), [...other.target.names][0]?.id);
});

test('rows of the table that a process before had in force name its rules, where they are remembered', () => {
  const left = {
    ...{ slot: 0, id: 7, cgroup: 1n, level: 1, resolver: { port: 1, mark: 0 }, table: 5 },
    ...{ digest: 'ff', formerTable: 5, labels: '', engaged: true, names: [] },
    ...{ addresses: new Map(), carried: false },
  };
  const former = { ...policy, digest: 'ff' };
  const numbers = () => new Numbers({ table: 5, target: 7 }, [], () => {});
  const of = (more: Partial<TargetSpec>) => create(numbers(), new Set(), more).target.policyOf(5);
  assert.equal(of({ before: left, former }), former);
  assert.equal(of({ before: left }), undefined);
  assert.equal(of({ before: left, former: { ...policy, digest: 'aa' } }), undefined);
  const carried = { ...left, table: 0, digest: policy.digest, carried: true };
  assert.equal(of({ before: carried }), policy);
});
