import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LOOKUP_NAME } from './layout.ts';
import { LookupTable, timesOf } from './lookup-table.ts';
import { builtPath, native } from './native.ts';
import { singleTargetSizes } from './programs.ts';
import type { KeptLookup } from './records.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

/** With room for two. */
function setUp(t: TestContext): LookupTable {
  const sizes = { ...singleTargetSizes, lookups: 2 };
  const engine = native().load(builtPath('bpf/engine.bpf.o'), sizes, [], '');
  t.after(() => native().unload(engine));
  return new LookupTable(engine);
}

const lookup: KeptLookup = {
  ...{ pid: 7, start: 2n ** 60n, first: 1_800_000_000_000, last: 1_800_000_000_001 },
  ...{ table: 9, rule: 65_535, reason: 20, passed: true, address: 0, name: 'a.example' },
  types: [
    { type: 28, count: 2 ** 40 },
    { type: 1, count: 3 },
  ],
};

test('a lookup comes back as it was written, whatever its name is made of', { skip }, (t) => {
  const table = setUp(t);
  table.write(3, 1, lookup);
  table.write(4, 1, lookup);
  assert.deepEqual(table.of(3), [{ number: 1, lookup }]);
  // Four labels that fill a name, every byte of them escaped.
  const label = (length: number) => '\\255'.repeat(length);
  const name = [label(63), label(63), label(63), label(61)].join('.');
  assert.ok(name.length <= LOOKUP_NAME);
  const unknown = { ...lookup, name, pid: 0, start: 0n, address: null, passed: false };
  table.write(3, 1, unknown);
  assert.deepEqual(table.of(3), [{ number: 1, lookup: unknown }]);
  assert.deepEqual(table.of(5), []);
});

test('of many types those that were asked for most are kept', { skip }, (t) => {
  const table = setUp(t);
  const types = [5, 1, 9, 7, 2, 8].map((count, type) => ({ type, count }));
  table.write(3, 1, { ...lookup, types });
  const [kept] = table.of(3);
  assert.deepEqual(
    kept?.lookup.types.map(({ count }) => count),
    [9, 8, 7, 5],
  );
  assert.equal(timesOf(kept?.lookup ?? { types: [] }), 9);
  assert.equal(timesOf({ types: [] }), 0);
});

test('one too many is refused; a deleted one makes room', { skip }, (t) => {
  const table = setUp(t);
  table.write(3, 1, lookup);
  table.write(3, 2, lookup);
  assert.throws(() => table.write(3, 0, lookup), { code: 'E2BIG' });
  table.delete(3, 1);
  table.write(3, 0, lookup);
  assert.deepEqual(table.numbers(3).toSorted(), [0, 2]);
});
