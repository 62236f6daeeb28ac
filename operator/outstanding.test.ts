import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outstanding } from './outstanding.ts';

test('a write is outstanding while the cache shows what it was written over', () => {
  const writes = new Outstanding();
  writes.add('a', '1', 'x');
  assert.equal(writes.has('a', '1', 'x'), true);
  assert.equal(writes.has('a', '1', 'y'), false, 'something else is to be written');
  assert.equal(writes.has('a', '2', 'x'), false, 'the cache shows another write');
  assert.equal(writes.has('b', '1', 'x'), false);
  writes.forget('a');
  assert.equal(writes.has('a', '1', 'x'), false);
});
