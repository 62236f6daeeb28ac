import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxBrought, maxBroughtContent } from '#api/policy-bundle.ts';
import { broughtWith } from './heads.ts';

const piece = (digest: string, length = 10) => ({ digest, content: 'x'.repeat(length) });

test('a head brings along what is new in it, also some seconds later, and nothing else', () => {
  const pieces = [piece('a'), piece('b'), piece('c')];
  const named = new Map([
    ['a', 0],
    ['c', Number.NEGATIVE_INFINITY],
    ['gone', 0],
  ]);
  assert.deepEqual(broughtWith(pieces, named, 5000), [piece('b'), piece('a')]);
  assert.deepEqual(broughtWith(pieces, named, 10_001), [piece('b')]);
});

test('what does not fit nodes ask for, and smaller ones come along all the same', () => {
  const large = piece('large', maxBroughtContent - 5);
  const pieces = [piece('a'), large, piece('b', maxBroughtContent - 10), piece('c', 1)];
  assert.deepEqual(
    broughtWith(pieces, new Map(), 0).map(({ digest }) => digest),
    ['a', 'b'],
  );
  const many = Array.from({ length: 40 }, (_, at) => piece(`${at}`));
  assert.equal(broughtWith(many, new Map(), 0).length, maxBrought);
});
