import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure } from './figure.ts';
import { BEGIN, END, figuresBlock, replaceBlock } from './readme-block.ts';

const figures = [
  figure({
    name: 'cached',
    value: 14.26,
    baseline: 60,
    unit: 'ns',
    target: { bound: 'at most', limit: 25 },
  }),
  figure({ name: 'start', value: 400, unit: 'ms', target: { bound: 'at most', limit: 300 } }),
  figure({ name: 'watched', value: 0.0412, unit: 'ms' }),
];

test('the block names the machine and has a row for each figure', () => {
  assert.deepEqual(figuresBlock(figures, 'A Processor, 2 cores').split('\n'), [
    'Machine: A Processor, 2 cores.',
    '',
    '| figure | measured | baseline | target       | holds |',
    '| ------ | -------- | -------- | ------------ | ----- |',
    '| cached | 14.3 ns  | 60 ns    | value <= 25  | yes   |',
    '| start  | 400 ms   | –        | value <= 300 | no    |',
    '',
    '<details>',
    '<summary>Watched, without a target</summary>',
    '',
    '| figure  | measured  | baseline | target | holds |',
    '| ------- | --------- | -------- | ------ | ----- |',
    '| watched | 0.0412 ms | –        | –      | –     |',
    '',
    '</details>',
  ]);
});

test('only what stands between the markers is replaced, and doing it twice changes nothing', () => {
  const once = replaceBlock(`before\n\n${BEGIN}\nold\n${END}\n\nbehind\n`, 'new');
  assert.equal(once, `before\n\n${BEGIN}\n\nnew\n\n${END}\n\nbehind\n`);
  assert.equal(replaceBlock(once, 'new'), once);
});

test('without one pair of markers nothing is replaced', () => {
  for (const text of ['', BEGIN, `${END}${BEGIN}`, `${BEGIN}${END}${BEGIN}${END}`]) {
    assert.throws(() => replaceBlock(text, 'new'), /there must be one/);
  }
});
