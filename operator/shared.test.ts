import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shared } from './shared.ts';

test('equal values are one, and others stay what they are', () => {
  const shared = new Shared();
  const first = shared.one({ list: [1, 2] });
  assert.equal(shared.one({ list: [1, 2] }), first);
  const other = { list: [2, 1] };
  assert.equal(shared.one(other), other);
  assert.equal(shared.one(undefined), undefined);
});

test('what was not asked for in a long time is let go', () => {
  const shared = new Shared();
  const first = shared.one({ number: 0 });
  const kept = shared.one({ number: -1 });
  for (let number = 1; number <= 300; number++) {
    shared.one({ number });
    shared.one({ number: -1 });
  }
  assert.notEqual(shared.one({ number: 0 }), first);
  assert.equal(shared.one({ number: -1 }), kept);
});
