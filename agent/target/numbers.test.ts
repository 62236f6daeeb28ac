import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Numbers } from './numbers.ts';

test('tables are odd and even in turn, and none comes twice', () => {
  const numbers = new Numbers();
  assert.deepEqual([numbers.nextTable(0), numbers.nextTable(1), numbers.nextTable(0)], [1, 2, 3]);
  assert.equal(numbers.nextTable(3), 4);
  assert.equal(numbers.nextTable(1), 6);
});

test('an engine after this one goes on above all that was given', () => {
  const saved: { table: number; target: number }[] = [];
  const numbers = new Numbers({ table: 10, target: 4 }, [], (last) => saved.push(last));
  assert.equal(numbers.nextTarget(), 5);
  assert.equal(numbers.nextTable(7), 12);
  assert.deepEqual(saved, [
    { table: 10, target: 5 },
    { table: 12, target: 5 },
  ]);
});

test('numbers of names are those that nobody uses', () => {
  const numbers = new Numbers({ table: 0, target: 0 }, [2, 5]);
  assert.deepEqual(
    Array.from({ length: 4 }, () => numbers.nextName()),
    [1, 3, 4, 6],
  );
  numbers.freeNames([5]);
  assert.equal(numbers.nextName(), 5);
});
