import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seldom } from './seldom.ts';

test('each key once in a while', () => {
  let now = 0;
  const isDue = seldom(1000, () => now);
  assert.deepEqual([isDue('a'), isDue('a'), isDue('b')], [true, false, true]);
  now = 1000;
  assert.deepEqual([isDue('a'), isDue('a')], [true, false]);
});
