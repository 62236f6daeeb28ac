import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { maxBrought, maxBroughtContent } from '#api/policy-bundle.ts';
import { pack } from '#policy/bundle/packed.ts';
import { broughtWith } from './heads.ts';

const piece = (digest: string) => ({ digest, content: `["${digest}"]` });
const brought = ({ digest, content }: ReturnType<typeof piece>) => ({
  digest,
  packed: pack(content),
});
/** What does not become smaller. */
const noise = (digest: string, length: number) => ({
  digest,
  content: randomBytes(length / 2).toString('hex'),
});

test('a head brings along what is new in it, also some seconds later, and nothing else', () => {
  const pieces = [piece('a'), piece('b'), piece('c')];
  const named = new Map([
    ['a', 0],
    ['c', Number.NEGATIVE_INFINITY],
    ['gone', 0],
  ]);
  assert.deepEqual(broughtWith(pieces, named, 5000), [piece('b'), piece('a')].map(brought));
  assert.deepEqual(broughtWith(pieces, named, 10_001), [piece('b')].map(brought));
});

test('what does not fit nodes ask for, and smaller ones come along all the same', () => {
  const pieces = [piece('a'), noise('large', 4 * maxBroughtContent), piece('b')];
  assert.deepEqual(
    broughtWith(pieces, new Map(), 0).map(({ digest }) => digest),
    ['a', 'b'],
  );
  const filling = Array.from({ length: 8 }, (_, at) => noise(`${at}`, maxBroughtContent / 2));
  const sizes = broughtWith(filling, new Map(), 0).map(({ packed }) => packed.length);
  assert.ok(sizes.length > 1 && sizes.length < 8);
  assert.ok(sizes.reduce((sum, size) => sum + size) <= maxBroughtContent);
  const many = Array.from({ length: 40 }, (_, at) => piece(`${at}`));
  assert.equal(broughtWith(many, new Map(), 0).length, maxBrought);
});
