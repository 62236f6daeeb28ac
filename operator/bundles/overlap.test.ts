import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binding } from '../testing/objects.ts';
import { overlaps } from './overlap.ts';

const of = (path: string, selector: object = {}) => binding(path, { selector });
const cases: readonly (readonly [what: string, ...pair: ReturnType<typeof of>[]])[] = [
  ['one namespace', of('ci/a'), of('ci/b')],
  ['a namespace that one selects', of('ci/a'), of('web/b', { namespaces: ['docs', 'ci'] })],
  [
    'labels that a pod can have together',
    of('ci/a', { podLabels: { a: '1' } }),
    of('ci/b', { podLabels: { b: '1' } }),
  ],
  ['labels of one', of('ci/a', { podLabels: { a: '1' } }), of('ci/b')],
];
const apart: typeof cases = [
  ['other namespaces', of('ci/a'), of('web/b')],
  ['one that governs elsewhere', of('ci/a', { namespaces: ['web'] }), of('ci/b')],
  [
    'labels with another value',
    of('ci/a', { podLabels: { a: '1' } }),
    of('ci/b', { podLabels: { a: '2' } }),
  ],
];
for (const [what, a, b] of [...cases, ...apart]) {
  const expected = cases.some(([one]) => one === what);
  test(`${what}: two bindings ${expected ? 'may' : 'cannot'} govern one pod`, () => {
    assert.ok(a && b);
    assert.equal(overlaps(a, b), expected);
    assert.equal(overlaps(b, a), expected);
  });
}
