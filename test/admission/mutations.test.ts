/** Accepted pods with one field changed: none that matters is accepted, and what does not matter is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '#webhook/check/decide.ts';
import { harmless, mutated, unsafe } from './mutations.ts';
import { accepted } from './table/accepted.ts';
import { bindingsOf } from './table/bindings.ts';
import { requestOf } from './table/row.ts';

/** Under bindings that make no exceptions, and of nobody who is exempt. */
const rows = accepted.filter(
  ({ under = 'plain', phase = 'create', pod }) =>
    ['plain', 'words', 'labels'].includes(under) &&
    phase === 'create' &&
    pod.metadata.ownerReferences === undefined &&
    // The same again for sixty services.
    pod.spec.containers.length < 10,
);

test('no accepted pod with one unsafe field is accepted', () => {
  let asked = 0;
  for (const row of rows) {
    const bindings = bindingsOf(row.under ?? 'plain');
    for (const mutation of unsafe(row.pod)) {
      // What a row already is changes nothing.
      const pod = mutated(row.pod, mutation);
      if (JSON.stringify(pod) === JSON.stringify(row.pod)) continue;
      const { allowed } = decide(requestOf({ ...row, pod }), bindings);
      assert.equal(allowed, false, `${row.what}, with ${mutation.what}`);
      asked++;
    }
  }
  assert.ok(asked > 3000, `${asked} asked`);
});

test('control: an accepted pod with one other field is accepted', () => {
  for (const row of rows) {
    const bindings = bindingsOf(row.under ?? 'plain');
    for (const mutation of harmless(row.pod)) {
      const { problems } = decide(requestOf({ ...row, pod: mutated(row.pod, mutation) }), bindings);
      assert.deepEqual(problems, [], `${row.what}, with ${mutation.what}`);
    }
  }
});
