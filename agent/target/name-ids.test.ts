import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameIds } from './name-ids.ts';

function counter(first = 1): () => number {
  let last = first - 1;
  return () => ++last;
}

test('a name keeps its number, and only its first call is fresh', () => {
  const ids = new NameIds(counter());
  const first = ids.intern('good.example.test', false);
  assert.deepEqual(first, {
    entry: { id: 1, name: 'good.example.test', refused: false },
    fresh: true,
  });
  assert.deepEqual(ids.intern('good.example.test', false), { entry: first.entry, fresh: false });
});

test('the same name, refused, has a number of its own and the same text', () => {
  const ids = new NameIds(counter());
  const allowed = ids.intern('a.test', false).entry;
  const refused = ids.intern('a.test', true).entry;
  assert.notEqual(allowed.id, refused.id);
  assert.equal(ids.nameOf(refused.id), 'a.test');
  assert.equal(ids.intern('a.test', true).fresh, false);
});

test('a name that looks like the mark of a refusal is another name', () => {
  const ids = new NameIds(counter());
  for (const name of ['a.test\0refused', 'refused a.test', 'allowed a.test', 'a.test refused']) {
    ids.intern(name, false);
  }
  assert.deepEqual(ids.intern('a.test', true), {
    entry: { id: 5, name: 'a.test', refused: true },
    fresh: true,
  });
});

test('targets that share their numbers never share one', () => {
  const next = counter();
  const [one, two] = [new NameIds(next), new NameIds(next)];
  const numbers = ['a', 'b', 'c'].flatMap((name) => [
    one.intern(name, false).entry.id,
    two.intern(name, false).entry.id,
  ]);
  assert.equal(new Set(numbers).size, 6);
  assert.equal(two.nameOf(one.intern('a', false).entry.id), null);
});

test('a number that was never given has no name', () => {
  assert.equal(new NameIds(counter()).nameOf(7), null);
});

test('all names are listed once', () => {
  const ids = new NameIds(counter());
  for (const name of ['a', 'b', 'a']) ids.intern(name, false);
  assert.deepEqual(
    [...ids].map(({ name }) => name),
    ['a', 'b'],
  );
});

test('names of the process before keep their numbers; one without a text is nobody’s', () => {
  const ids = new NameIds(counter(10));
  ids.restore([
    { id: 3, name: 'a.test', refused: false },
    { id: 4, name: 'a.test', refused: true },
    { id: 5, name: '', refused: true },
  ]);
  assert.deepEqual(ids.intern('a.test', false).entry.id, 3);
  assert.equal(ids.intern('a.test', true).fresh, false);
  assert.equal(ids.nameOf(5), null);
  assert.equal(ids.intern('b.test', false).entry.id, 10);
  assert.deepEqual(
    [...ids].map(({ id }) => id),
    [3, 4, 5, 10],
  );
});
