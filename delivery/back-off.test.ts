import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOff, retryAfter } from './back-off.ts';

test('waits double up to a minute, and half of each is chance', () => {
  const waits = (random: number) =>
    [1, 2, 3, 8, 50].map((n) => backOff(n, undefined, () => random));
  assert.deepEqual(waits(0), [250, 500, 1000, 30_000, 30_000]);
  assert.deepEqual(waits(1), [500, 1000, 2000, 60_000, 60_000]);
});

test('a receiver may ask for more, within reason, and not for less', () => {
  assert.equal(
    backOff(1, 100, () => 1),
    500,
  );
  assert.equal(
    backOff(1, 9000, () => 1),
    9000,
  );
  assert.equal(
    backOff(1, 86_400_000, () => 1),
    300_000,
  );
});

test('Retry-After is seconds or a date; what is neither says nothing', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  for (const [header, ms] of [
    ['0', 0],
    ['120', 120_000],
    ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
    ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    assert.equal(retryAfter(header, now), ms, header);
  }
});
