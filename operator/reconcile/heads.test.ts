import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxBrought, maxBroughtContent } from '#api/policy-bundle.ts';
import { broughtWith } from './heads.ts';

const piece = (digest: string, length = 10) => ({ digest, content: 'x'.repeat(length) });

test('a head brings along what the one before did not name, and nothing else', () => {
  const pieces = [piece('a'), piece('b'), piece('c')];
  assert.deepEqual(broughtWith(pieces, ['a', 'c']), [piece('b')]);
  assert.deepEqual(broughtWith(pieces, ['a', 'b', 'c', 'gone']), []);
});

test('what does not fit nodes ask for, and smaller ones come along all the same', () => {
  const large = piece('large', maxBroughtContent - 5);
  const pieces = [piece('a'), large, piece('b', maxBroughtContent - 10), piece('c', 1)];
  assert.deepEqual(
    broughtWith(pieces, []).map(({ digest }) => digest),
    ['a', 'b'],
  );
  const many = Array.from({ length: 40 }, (_, at) => piece(`${at}`));
  assert.equal(broughtWith(many, []).length, maxBrought);
});
