import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectName } from '#api/metadata.ts';
import { maxBindings, nodeAgentSpecSchema } from '#api/node-agent.ts';
import { headName } from '../reconcile/heads.ts';
import { binding } from '../testing/objects.ts';
import { assignedKeys, specOf } from './assign.ts';

test('of more bindings than a node can hold, the oldest are assigned', () => {
  const many = Array.from({ length: maxBindings + 2 }, (_, index) =>
    binding(`ci/b${index}`, {}, { created: 1000 - index }),
  );
  const keys = assignedKeys(many);
  assert.equal(keys.size, maxBindings);
  assert.deepEqual([keys.has('ci/b0'), keys.has('ci/b1'), keys.has('ci/b2')], [false, false, true]);
  assert.ok(nodeAgentSpecSchema.safeParse(specOf(keys)).success);
});

test('the spec does not hang on the order', () => {
  assert.deepEqual(specOf(['web/a', 'ci/b']), specOf(['ci/b', 'web/a']));
  assert.deepEqual(specOf([]), { bindings: [] });
});

test('a head has a name that the API takes, its own, and not that of a piece', () => {
  const long = (end: string) => `${'n'.repeat(63)}/${'a'.repeat(251)}${end}`;
  const names = ['ci/runners', 'ci/a.b', 'ci-a/b', long('x'), long('y')].map(headName);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) {
    assert.ok(objectName.safeParse(name).success, name);
    assert.doesNotMatch(name, /^[0-9a-f]{64}$/);
  }
  assert.equal(names[0], 'ci.runners');
});
