import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rate } from './rate.ts';

test('turns: a burst at once, and then one after the other', () => {
  const rate = new Rate({ perSecond: 10, burst: 3 });
  const waits = Array.from({ length: 5 }, () => Math.max(0, rate.reserve(1000) - 1000));
  assert.deepEqual(waits, [0, 0, 0, 100, 200]);
  assert.ok(
    rate.reserve(60_000) <= 60_000,
    'a long time without pays for a burst, and not for more',
  );
  const later = Array.from({ length: 4 }, () => Math.max(0, rate.reserve(60_000) - 60_000));
  assert.deepEqual(later, [0, 0, 100, 200]);
});

test('what is too much is not taken, and costs nothing', () => {
  const rate = new Rate({ perSecond: 10, burst: 20 });
  assert.ok(rate.take(1000, 50), 'one batch may be larger than a burst');
  for (let times = 0; times < 100; times++) assert.equal(rate.take(2000), false);
  assert.ok(rate.take(4001));
});
