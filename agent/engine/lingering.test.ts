import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lingering } from './lingering.ts';

/** Targets by their cgroups: `kept` are rows that no end of the process takes away. */
function setUp() {
  const kept = new Set<string>();
  const [released, givenUp]: [bigint[], number[]] = [[], []];
  const told = {
    of: () => 0,
    isKept: (row: Buffer) => kept.has(row.toString()),
    giveUp: (target: number) => void givenUp.push(target),
  };
  const lingering = new Lingering();
  const add = (cgroup: bigint, rows: readonly string[]) =>
    lingering.add({
      ...{ cgroup, digest: `d${cgroup}`, told, target: Number(cgroup) },
      rows: rows.map((row) => ({ row: Buffer.from(row), count: 1 })),
      release: () => void released.push(cgroup),
    });
  return { lingering, add, kept, released, givenUp };
}

test('a target stays until all of its rows are kept', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { lingering, add, kept, released, givenUp } = setUp();
  add(1n, ['a', 'b']);
  add(2n, ['c']);
  kept.add('b').add('c');
  t.mock.timers.tick(100);
  assert.deepEqual([released, lingering.digests], [[2n], ['d1']]);
  kept.add('a');
  t.mock.timers.tick(100);
  assert.deepEqual([released, lingering.digests, givenUp], [[2n, 1n], [], []]);
});

test('one whose cgroup is held again goes at once, and what is not kept is given up', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { lingering, add, kept, released, givenUp } = setUp();
  add(1n, ['a']);
  add(2n, ['b']);
  kept.add('b');
  for (const cgroup of [1n, 2n, 3n]) lingering.release(cgroup);
  assert.deepEqual([released, givenUp], [[1n, 2n], [1]]);
});

test('neither targets nor rows wait without end: the oldest go', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { add, released } = setUp();
  for (let cgroup = 1n; cgroup <= 258n; cgroup++) add(cgroup, ['a']);
  assert.deepEqual(released, [1n, 2n]);
  const many = Array.from({ length: 32_768 }, (_, row) => `${row}`);
  add(259n, many);
  assert.equal(released.length, 258);
  add(260n, many);
  assert.equal(released.at(-1), 259n);
});
