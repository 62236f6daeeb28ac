import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyStatusSchema } from '#api/status.ts';
import { documentTitle } from '#policy/title.ts';
import { binding, policy, type Stored } from '../testing/objects.ts';
import { fold, type Held, type NodeView } from './fold.ts';
import { Rollout } from './rollout.ts';
import { type Facts, standingOf } from './standing.ts';

const head = (digest: string, ...objects: readonly Stored[]) => ({
  digest,
  pieces: [`piece of ${digest}`],
  documents: new Map(objects.map((object) => [documentTitle(object), object])),
});
const A = 'EgressPolicy ci/a';
const B = 'EgressPolicy ci/b';
const never = () => false;

test('a node holds a document from the head on with which it came', () => {
  const rollout = new Rollout();
  const [a1, a2, b1] = [
    policy('ci/a'),
    policy('ci/a', { presets: ['npm'] }),
    policy('ci/b'),
  ] as const;
  rollout.enter(head('1', a1), never);
  rollout.enter(head('2', a1, b1), never);
  rollout.enter(head('3', a2, b1), never);
  const holds = (title: string) =>
    ['1', '2', '3', 'x'].filter((digest) => rollout.holds(digest, title));
  assert.deepEqual(holds(A), ['3']);
  assert.deepEqual(holds(B), ['2', '3']);
  assert.equal(rollout.holds(undefined, B), false);
  rollout.enter(head('2', a1, b1), never);
  // The same head again: who kept it has it, and who took the next one in between has not.
  assert.deepEqual(holds(A), ['2']);
  rollout.enter(head('4', a1), never);
  assert.deepEqual(holds(B), []);
  assert.deepEqual(rollout.piecesOf('4'), ['piece of 4']);
  assert.equal(rollout.piecesOf('x'), undefined);
});

test('what was in force everywhere before this process looked is not asked again', () => {
  const rollout = new Rollout();
  rollout.enter(head('7', policy('ci/a'), policy('ci/b')), (title) => title === A);
  assert.deepEqual([rollout.holds('6', A), rollout.holds('6', B)], [true, false]);
  rollout.enter(head('8', policy('ci/a', { presets: ['npm'] })), () => true);
  assert.equal(rollout.holds('7', A), false);
});

test('an old head is forgotten, and counts as holding nothing new', () => {
  const rollout = new Rollout();
  for (let index = 0; index < 300; index++) {
    rollout.enter(head(`${index}`, policy('ci/a', { presets: [`${index >> 8}`] })), never);
  }
  assert.equal(rollout.piecesOf('0'), undefined);
  assert.ok(rollout.piecesOf('299'));
  assert.equal(rollout.holds('0', A), false);
  assert.equal(rollout.holds('299', A), true);
});

const node = (name: string, held?: Partial<Held> | 'silent', ready = true): NodeView => ({
  name,
  ready,
  held:
    held === 'silent'
      ? undefined
      : new Map([['ci/r', { digest: undefined, reason: undefined, message: undefined, ...held }]]),
});
const folded = (...nodes: readonly NodeView[]) =>
  fold(nodes, ['ci/r'], (_, digest) => digest === 'new');

test('nodes are counted by what they hold, and those that are not Ready apart', () => {
  const found = folded(
    node('a', { digest: 'new' }),
    node('b', { digest: 'old' }),
    node('c', {}),
    node('d', 'silent'),
    node('e', { digest: 'old', reason: 'BundleRefused', message: 'It cannot be read.' }),
    node('f', { digest: 'old' }, false),
    // It does not take the newest, which changes nothing of this.
    node('g', { digest: 'new', reason: 'BundleRefused', message: 'x' }),
  );
  assert.deepEqual(found.nodes, { ready: 2, total: 6, notReady: 1, summary: '2/6' });
  assert.deepEqual(
    found.waiting.map(({ reason, count, nodes }) => [reason, count, nodes]),
    [
      ['Updating', 1, ['b']],
      ['Starting', 1, ['c']],
      ['AgentSilent', 1, ['d']],
      ['BundleRefused', 1, ['e']],
    ],
  );
  assert.equal(found.failing, true);
});

test('lists are bounded and counts are not', () => {
  const many = Array.from({ length: 1000 }, (_, index) =>
    node(`n${`${index}`.padStart(4, '0')}`, { reason: `Reason${index % 40}` }),
  );
  const { nodes, waiting } = folded(...many.toReversed());
  assert.ok(policyStatusSchema.safeParse({ nodes, waiting }).success);
  assert.deepEqual([nodes.total, nodes.ready, waiting.length], [1000, 0, 16]);
  assert.deepEqual([waiting[0]?.count, waiting[0]?.nodes.length], [25, 10]);
});

test('an object that several bindings need is held where all of them are', () => {
  const both = (name: string, first: string, second: string): NodeView => {
    const held = (digest: string): Held => ({ digest, reason: undefined, message: undefined });
    return {
      name,
      ready: true,
      held: new Map([
        ['ci/r', held(first)],
        ['ci/s', held(second)],
      ]),
    };
  };
  const nodes = [both('a', 'new', 'new'), both('b', 'new', 'old'), both('c', 'old', 'new')];
  const found = fold(nodes, ['ci/r', 'ci/s'], (_, digest) => digest === 'new');
  assert.equal(found.nodes.summary, '1/3');
});

const facts = (change: Partial<Facts>): Facts => ({
  refused: undefined,
  older: false,
  bindings: 1,
  folded: folded(node('a', { digest: 'new' })),
  settled: false,
  ...change,
});
const behind = folded(node('a', { digest: 'new' }), node('b', { digest: 'old' }));
const cannot = folded(node('a', { digest: 'new' }), node('b', { reason: 'NoSpace' }));
const refused = { reason: 'UnknownPreset', message: 'No.' };
const standings: readonly (readonly [
  change: Partial<Facts>,
  state: string,
  reason: string,
  message: RegExp,
])[] = [
  [{}, 'ready', 'InForce', /^In force on 1 node\.$/],
  [{ folded: behind }, 'reconciling', 'RollingOut', /on 1 of 2 nodes\.$/],
  [{ folded: behind, settled: true }, 'ready', 'InForce', /just come/],
  [{ folded: cannot }, 'unready', 'NodesFail', /NoSpace on 1\.$/],
  [{ folded: cannot, settled: true }, 'unready', 'NodesFail', /./],
  [{ folded: folded() }, 'ready', 'NoNodes', /no node\.$/],
  [{ folded: folded(node('a', 'silent', false)) }, 'ready', 'NoNodes', /1 are not/],
  [{ bindings: 0, folded: folded() }, 'ready', 'NoBinding', /holds nobody/],
  [{ refused }, 'stalled', 'UnknownPreset', /^No\. Nothing of it/],
  [{ refused, older: true }, 'stalled', 'UnknownPreset', /before stays\.$/],
];
for (const [change, state, reason, message] of standings) {
  test(`an object stands ${state}, ${reason}`, () => {
    const found = standingOf(facts(change));
    assert.deepEqual([found.state, found.reason], [state, reason]);
    assert.match(found.message, message);
  });
}

test('a binding counts as its own document', () => {
  const rollout = new Rollout();
  rollout.enter(head('1', binding('ci/r')), never);
  rollout.enter(head('2', binding('ci/r'), policy('ci/a')), never);
  assert.equal(rollout.holds('1', 'RunnerBinding ci/r'), true);
});
