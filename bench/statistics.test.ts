import assert from 'node:assert/strict';
import { test } from 'node:test';
import { added, interleave, median, orderOf, quantile, spread, times } from './statistics.ts';

test('quantiles lie between two values in proportion; of nothing there is none', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([10, 20, 30, 40, 50], 0.25), 20);
  assert.equal(quantile([0, 100], 0.99), 99);
  assert.equal(quantile([7], 0.99), 7);
  assert.ok(Number.isNaN(median([])));
  assert.ok(Number.isNaN(spread([])));
});

test('spread is half of what the middle half of the values covers', () => {
  assert.equal(spread([0, 10, 20, 30, 1000]), 10);
  assert.equal(spread([5, 5, 5]), 0);
});

test('what is added is the median of the rounds’ own differences', () => {
  // The machine got slower in the middle: medians of each side alone would say 40.
  const baselines = [10, 10, 50, 50, 50];
  const values = [30, 30, 70, 70, 71];
  assert.deepEqual(added(values, baselines), { value: 20, baseline: 50, spread: 0 });
});

test('one disturbed round in five changes nothing', () => {
  assert.equal(added([30, 31, 900, 29, 30], [10, 11, 12, 9, 10]).value, 20);
  assert.equal(times([98, 99, 10, 97, 98], [100, 101, 100, 99, 100]).ratio, 0.98);
});

test('a ratio is the median of the rounds’ own ratios, not that of the medians', () => {
  const { value, baseline, ratio } = times([99, 49.5, 198], [100, 50, 200]);
  assert.deepEqual([value, baseline, ratio], [99, 100, 0.99]);
});

test('only what was measured in the same rounds is compared', () => {
  assert.throws(() => added([1, 2], [1]), RangeError);
  assert.throws(() => times([1], [1, 2]), RangeError);
});

test('rounds go forward and back, and every lane is first as often as another', () => {
  const orders = [0, 1, 2, 3].map((round) => orderOf(round, 2).join(''));
  assert.deepEqual(orders, ['01', '10', '10', '01']);
  const places = new Map<number, number[]>([0, 1, 2].map((lane) => [lane, []]));
  for (let round = 0; round < 6; round++) {
    const order = orderOf(round, 3);
    assert.deepEqual(order.toSorted(), [0, 1, 2]);
    for (const [place, lane] of order.entries()) places.get(lane)?.push(place);
  }
  for (const at of places.values()) assert.deepEqual(at.toSorted(), [0, 0, 1, 1, 2, 2]);
});

test('every lane is measured once a round, and what warmed up is not kept', async () => {
  const asked: string[] = [];
  const lane = (name: string) => () => {
    asked.push(name);
    return asked.filter((one) => one === name).length;
  };
  const values = await interleave([lane('a'), lane('b')], 3, 2);
  assert.equal(asked.join(''), 'abba' + 'baab' + 'ab');
  assert.deepEqual(values, [
    [3, 4, 5],
    [3, 4, 5],
  ]);
});
