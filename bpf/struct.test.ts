import assert from 'node:assert/strict';
import { test } from 'node:test';
import { struct } from './struct.ts';

const point = struct({ x: 'u32', y: 'u64' });
const line = struct({ kind: 'u8', name: { bytes: 3 }, end: { list: point, of: 2 }, last: 'u16' });

test('fields are aligned to their own size, and the whole to its largest', () => {
  assert.deepEqual(point.offsets, { x: 0, y: 8 });
  assert.equal(point.size, 16);
  assert.deepEqual(line.offsets, { kind: 0, name: 1, end: 8, last: 40 });
  assert.equal(line.size, 48);
});

test('what is written is read again', () => {
  const values = {
    kind: 255,
    name: Buffer.from('abc'),
    end: [
      { x: 0xffffffff, y: 2n ** 64n - 1n },
      { x: 1, y: 0n },
    ],
    last: 65535,
  };
  assert.deepEqual(line.read(line.write(values)), values);
  const shifted = Buffer.concat([Buffer.alloc(5), line.write(values)]);
  assert.deepEqual(line.read(shifted, 5), values);
});

test('what is not given is zero, and a list that is too long is cut', () => {
  const end = [1, 2, 3].map((x) => ({ x, y: 0n }));
  const read = line.read(line.write({ end }));
  assert.deepEqual(
    read.end.map(({ x }) => x),
    [1, 2],
  );
  assert.equal(read.last, 0);
});

test('a number that does not fit is an error', () => {
  for (const values of [{ x: -1 }, { x: 2 ** 32 }, { y: -1n }, { y: 2n ** 64n }]) {
    assert.throws(() => point.write(values), RangeError);
  }
});
