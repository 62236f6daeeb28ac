import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { rounds } from '../test/runner/rounds.ts';
import { governs, matchesGlob, modeOf, selects } from './select.ts';

test('a star in a job pattern stands for any characters', () => {
  const piece = fc.constantFrom('a', 'b', 'ab', '*', '.');
  const text = (star: boolean) =>
    fc
      .array(piece, { maxLength: 7 })
      .map((pieces) => pieces.filter((one) => star || one !== '*').join(''));
  fc.assert(
    fc.property(text(true), text(false), (pattern, job) => {
      const escaped = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
      assert.equal(
        matchesGlob(pattern, job),
        new RegExp(`^${escaped}$`).test(job),
        `${pattern} ${job}`,
      );
    }),
    { numRuns: rounds(3000) },
  );
});

test('a pattern of many stars against a text that nearly matches ends', () => {
  assert.equal(matchesGlob(`${'a*'.repeat(120)}b`, 'a'.repeat(255)), false);
});

test('what a target does not say of itself matches no selector that asks for it', () => {
  assert.equal(selects(undefined, { namespace: 'ci' }), true);
  assert.equal(selects({ projects: ['1'] }, { namespace: 'ci' }), false);
  assert.equal(selects({ jobs: ['*'] }, { namespace: 'ci' }), false);
  assert.equal(selects({ jobs: ['*'] }, { namespace: 'ci', job: '' }), true);
  const both = { projects: ['1', '2'], jobs: ['build*'] };
  assert.equal(selects(both, { namespace: 'ci', project: '2', job: 'build:web' }), true);
  assert.equal(selects(both, { namespace: 'ci', project: '12', job: 'build:web' }), false);
  assert.equal(selects(both, { namespace: 'ci', project: '2', job: 'a build' }), false);
});

type Spec = Omit<RunnerBinding['spec'], 'mode'> & Partial<Pick<RunnerBinding['spec'], 'mode'>>;
const binding = (spec: Spec): RunnerBinding => ({
  apiVersion,
  kind: 'RunnerBinding',
  metadata: { name: 'main', namespace: 'ci' },
  spec: { mode: 'Block', ...spec },
});

test('a binding governs its own namespace unless it names others', () => {
  assert.equal(governs(binding({}), { namespace: 'ci' }), true);
  assert.equal(governs(binding({}), { namespace: 'web' }), false);
  assert.equal(governs(binding({ selector: { namespaces: ['web'] } }), { namespace: 'ci' }), false);
  assert.equal(governs(binding({ selector: { namespaces: ['web'] } }), { namespace: 'web' }), true);
});

test('a pod that says it is exempt is governed all the same where nobody is exempt', () => {
  const labels = { 'torwacht.io/exempt': 'true' };
  const exempt = [{ serviceAccount: 'r', controller: { kind: 'Deployment', name: 'r' } } as const];
  assert.equal(governs(binding({}), { namespace: 'ci', labels }), true);
  assert.equal(governs(binding({ exempt: [] }), { namespace: 'ci', labels }), true);
  assert.equal(governs(binding({ exempt }), { namespace: 'ci', labels }), false);
  assert.equal(governs(binding({ exempt }), { namespace: 'ci' }), true);
  const other = { 'torwacht.io/exempt': 'false' };
  assert.equal(governs(binding({ exempt }), { namespace: 'ci', labels: other }), true);
});

test('a binding with labels governs only pods that have all of them', () => {
  const labelled = binding({ selector: { podLabels: { a: '1', b: '' } } });
  assert.equal(governs(labelled, { namespace: 'ci' }), false);
  assert.equal(governs(labelled, { namespace: 'ci', labels: { a: '1' } }), false);
  assert.equal(governs(labelled, { namespace: 'ci', labels: { a: '1', b: '', c: '2' } }), true);
});

test('the stricter mode wins, and without a binding it is Block', () => {
  const identity = { namespace: 'ci', project: '7' };
  const block = binding({});
  const observe = binding({ mode: 'Observe' });
  const only7 = binding({ modes: [{ projects: ['7'], mode: 'Observe' }] });
  const twice = binding({
    mode: 'Observe',
    modes: [
      { projects: ['7'], mode: 'Observe' },
      { projects: ['7', '8'], mode: 'Block' },
    ],
  });
  assert.equal(modeOf([], identity), 'Block');
  assert.equal(modeOf([observe], identity), 'Observe');
  assert.equal(modeOf([observe, block], identity), 'Block');
  assert.equal(modeOf([only7], identity), 'Observe');
  assert.equal(modeOf([only7], { namespace: 'ci' }), 'Block');
  assert.equal(modeOf([twice], identity), 'Block');
});
