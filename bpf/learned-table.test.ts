import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { learned, learnedMarks, PROBES } from './layout.ts';
import { LearnedTable } from './learned-table.ts';

const ENTRIES = 64;
const SEED = 0x1234_5678_9abc_def0n;

/** The array as the kernel holds it, and its search as bpf/verdict.h does it. */
function table() {
  const elements = Array.from({ length: ENTRIES }, () => learned.read(learned.write({})));
  const made = new LearnedTable(
    {
      write: (index, value) => {
        elements[index] = learned.read(value);
      },
      setHashing: () => {},
    },
    ENTRIES,
    SEED,
  );
  const find = (target: number, addr: number) => {
    const key = (BigInt(target) << 32n) | BigInt(addr);
    const hash = BigInt.asUintN(64, (key ^ SEED) * 0x9e37_79b9_7f4a_7c15n) >> 32n;
    for (let i = 0n; i < BigInt(PROBES); i++) {
      const element = elements[Number((hash + i) & BigInt(ENTRIES - 1))];
      if (element === undefined || element.key === learnedMarks.free) return undefined;
      if (element.key === key) return element.slot[0]?.name;
    }
    return undefined;
  };
  return { made, find, elements };
}

const address = fc.integer({ min: 0, max: 40 });
const step = fc.oneof(
  fc.record({ set: address, target: fc.integer({ min: 1, max: 3 }), name: fc.nat(1000) }),
  fc.record({ gone: address, target: fc.integer({ min: 1, max: 3 }) }),
);

test('the kernel finds what was set and not deleted, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { made, find } = table();
      const model = new Map<string, number>();
      for (const one of steps) {
        if ('gone' in one) {
          made.delete(one.target, one.gone);
          model.delete(`${one.target}/${one.gone}`);
          continue;
        }
        try {
          made.set(one.target, one.set, [{ name: one.name, expires: 1 }]);
          model.set(`${one.target}/${one.set}`, one.name);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'TW_BPF_LEARNED_FULL');
        }
      }
      for (let target = 1; target <= 3; target++) {
        for (let addr = 0; addr <= 40; addr++) {
          assert.equal(find(target, addr), model.get(`${target}/${addr}`));
        }
      }
    }),
  );
});

test('an element that goes keeps no name, so that a reader finds none on the way', () => {
  const { made, elements } = table();
  made.set(1, 7, [{ name: 9, expires: 5 }]);
  made.delete(1, 7);
  const gone = elements.filter((element) => element.key === learnedMarks.gone);
  assert.equal(gone.length, 1);
  assert.equal(gone[0]?.slot[0]?.name, 0);
});

test('a table that is no power of two is refused', () => {
  const maps = { write: () => {}, setHashing: () => {} };
  for (const entries of [0, 8, 100])
    assert.throws(() => new LearnedTable(maps, entries), RangeError);
});
