import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByName } from './by-name.ts';
import { type KeptState, type KeptTarget, mergeKept, nothingKept } from './kept-state.ts';

function target(cgroup: bigint, changes: Partial<KeptTarget>): KeptTarget {
  return {
    ...{ slot: 0, id: 1, cgroup, level: 3, resolver: { port: 1, mark: 0 }, table: 1, digest: '' },
    ...{ formerTable: 1, labels: '' },
    ...{ engaged: true, names: [], addresses: new Map(), carried: false, ...changes },
  };
}

const state = (...targets: KeptTarget[]): KeptState => ({ ...nothingKept, targets });

test('a target that was taken over to its end is what these maps say', () => {
  const own = state(target(1n, { id: 5 }));
  const before = state(target(1n, { carried: true }), target(2n, { id: 6, carried: true }));
  const { targets } = mergeKept(own, before);
  assert.deepEqual(
    targets.map(({ cgroup, carried }) => [cgroup, carried]),
    [
      [1n, false],
      [2n, true],
    ],
  );
});

test('one that was not is carried once more', () => {
  const own = state(target(1n, { engaged: false }));
  const { targets } = mergeKept(own, state(target(1n, { carried: true })));
  assert.deepEqual(
    targets.map(({ carried }) => carried),
    [true],
  );
  assert.deepEqual(mergeKept(own, undefined), own);
});

test('numbers go on above those of both', () => {
  const own = { ...nothingKept, numbers: { table: 3, target: 9 } };
  const before = { ...nothingKept, numbers: { table: 8, target: 2 } };
  assert.deepEqual(mergeKept(own, before).numbers, { table: 8, target: 9 });
});

test('fields are read where the kernel says that they stand; one that is not there is an error', () => {
  const u32 = { size: 4, count: 1 };
  const slot = { size: 8, fields: { name: { ...u32, offset: 4 } }, offset: 8, count: 2 };
  const shape = { size: 24, fields: { id: { ...u32, offset: 0 }, slot } };
  const bytes = Buffer.alloc(48);
  bytes.writeUInt32LE(7, 24);
  bytes.writeUInt32LE(8, 24 + 12);
  bytes.writeUInt32LE(9, 24 + 20);
  const second = new ByName(shape, bytes, 24);
  assert.equal(second.number('id'), 7);
  assert.deepEqual(
    second.list('slot').map((one) => one.number('name')),
    [8, 9],
  );
  assert.equal(second.bytes('slot').length, 16);
  assert.throws(() => second.number('none'), RangeError);
});
