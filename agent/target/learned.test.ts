import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_NAMES } from '#bpf/layout.ts';
import type { LearnedName } from '#bpf/records.ts';
import { LearnedAddresses } from './learned.ts';

/** The kernel's table in memory, with what was written to it in order. */
function store() {
  const table = new Map<string, LearnedName[]>();
  const writes: string[] = [];
  return {
    table,
    writes,
    setLearned(target: number, addr: number, slots: LearnedName[]) {
      table.set(`${target}/${addr}`, slots);
      writes.push(`set ${addr}`);
    },
    deleteLearned(target: number, addr: number) {
      table.delete(`${target}/${addr}`);
      writes.push(`delete ${addr}`);
    },
  };
}

test('an address is written with its name and expiry, under its target', () => {
  const kernel = store();
  new LearnedAddresses(kernel, 7, 100).learn(10, 1, 100, 0);
  assert.deepEqual(kernel.table.get('7/10'), [{ name: 1, expires: 100 }]);
});

test('a later expiry wins; an earlier one changes nothing', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 100);
  learned.learn(10, 1, 100, 0);
  learned.learn(10, 1, 90, 0);
  learned.learn(10, 1, 100, 0);
  assert.deepEqual(kernel.writes, ['set 10']);
  learned.learn(10, 1, 101, 0);
  assert.deepEqual(kernel.table.get('1/10'), [{ name: 1, expires: 101 }]);
});

test('names that share an address stand side by side', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 100);
  for (let name = 1; name <= MAX_NAMES; name++) learned.learn(10, name, 100 + name, 0);
  assert.deepEqual(
    kernel.table.get('1/10')?.map(({ name }) => name),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(learned.size, 1);
});

test('one name more takes the place of the one that would expire first', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 100);
  for (let name = 1; name <= MAX_NAMES; name++) {
    learned.learn(10, name, name === 5 ? 50 : 100, 0);
  }
  learned.learn(10, 9, 80, 0);
  const slots = kernel.table.get('1/10') ?? [];
  assert.equal(slots.length, MAX_NAMES);
  assert.deepEqual(slots[4], { name: 9, expires: 80 });
  assert.equal(
    slots.some(({ name }) => name === 5),
    false,
  );
});

test('what the store refused is not remembered as written', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 100);
  learned.learn(10, 1, 100, 0);
  const { setLearned } = kernel;
  kernel.setLearned = () => {
    throw new Error('no room');
  };
  assert.throws(() => learned.learn(10, 1, 200, 0), /no room/);
  assert.throws(() => learned.learn(11, 1, 200, 0), /no room/);
  kernel.setLearned = setLearned;
  assert.equal(learned.size, 1);
  learned.learn(10, 1, 200, 0);
  assert.deepEqual(kernel.table.get('1/10'), [{ name: 1, expires: 200 }]);
});

test('a full target forgets what has expired, and only that', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 3);
  learned.learn(10, 1, 50, 0);
  learned.learn(11, 1, 100, 0);
  learned.learn(12, 1, 50, 0);
  learned.learn(12, 2, 100, 0);
  learned.learn(13, 1, 100, 50);
  assert.deepEqual([...kernel.table.keys()], ['1/11', '1/12', '1/13']);
  assert.equal(kernel.writes.filter((write) => write.startsWith('delete')).join(), 'delete 10');
});

test('a target that is full of good addresses takes no more, and keeps what it has', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 2);
  learned.learn(10, 1, 100, 0);
  learned.learn(11, 1, 100, 0);
  assert.throws(() => learned.learn(12, 1, 100, 0), { code: 'TW_AGENT_ADDRESSES', message: /2/ });
  assert.deepEqual([...kernel.table.keys()], ['1/10', '1/11']);
  learned.learn(11, 2, 100, 0);
  assert.equal(kernel.table.get('1/11')?.length, 2);
});

test('clearing takes every address out of the kernel', () => {
  const kernel = store();
  const learned = new LearnedAddresses(kernel, 1, 100);
  for (const addr of [10, 11]) learned.learn(addr, 1, 100, 0);
  learned.clear();
  assert.equal(kernel.table.size, 0);
  assert.equal(learned.size, 0);
});

test('what stands in the kernel is known without being written; what is carried is written', () => {
  const kernel = store();
  const names = [{ name: 1, expires: 100 }];
  const learned = new LearnedAddresses(kernel, 7, 2);
  learned.restore(new Map([[10, names]]));
  assert.deepEqual(kernel.writes, []);
  learned.carry(new Map([[11, names]]));
  assert.deepEqual([...kernel.table], [['7/11', names]]);
  // Both count against the limit, and what has expired goes first.
  assert.throws(() => learned.learn(12, 1, 100, 0), { code: 'TW_AGENT_ADDRESSES' });
  learned.learn(12, 1, 300, 200);
  assert.equal(learned.size, 1);
});
