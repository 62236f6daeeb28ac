import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { figure } from './figure.ts';
import { measure } from './session.ts';
import { table } from './table.ts';
import { twoProcessors } from './worker.ts';

const base = { name: 'x', unit: 'ns' };

test('a figure holds when its value or its ratio is within the target', () => {
  const cases = [
    [{ value: 25, target: { bound: 'at most', limit: 25 } }, true],
    [{ value: 25.1, target: { bound: 'at most', limit: 25 } }, false],
    [{ value: 9, target: { bound: 'at least', limit: 10 } }, false],
    [{ value: 11, baseline: 10, target: { of: 'ratio', bound: 'at most', limit: 1.1 } }, true],
    [{ value: 12, baseline: 10, target: { of: 'ratio', bound: 'at most', limit: 1.1 } }, false],
    [{ value: 12, target: { of: 'ratio', bound: 'at most', limit: 1.1 } }, false],
    [{ value: Number.NaN, target: { bound: 'at most', limit: 25 } }, false],
    [{ value: Number.NaN }, false],
    [{ value: 12, baseline: 0, target: { of: 'ratio', bound: 'at least', limit: 1 } }, false],
    [{ value: 12 }, true],
  ] as const;
  for (const [measured, holds] of cases) {
    assert.equal(figure({ ...base, ...measured }).holds, holds, JSON.stringify(measured));
  }
});

test('a figure has exactly the fields of the file', () => {
  assert.deepEqual(
    figure({ ...base, value: 11, baseline: 10, target: { bound: 'at most', limit: 25 } }),
    {
      ...base,
      value: 11,
      baseline: 10,
      ratio: 1.1,
      spread: null,
      target: 'value <= 25',
      holds: true,
    },
  );
  const measured = figure({ ...base, value: 11, baseline: 10, ratio: 1.05, spread: 0.02 });
  assert.deepEqual([measured.ratio, measured.spread], [1.05, 0.02]);
});

test('the table is aligned and shows what fails', () => {
  const text = table([
    figure({ name: 'cached', value: 14.26, unit: 'ns', target: { bound: 'at most', limit: 25 } }),
    figure({
      name: 'start',
      value: 1234.6,
      baseline: 1000,
      spread: 12.34,
      unit: 'ms',
      target: { bound: 'at most', limit: 300 },
    }),
    figure({ name: 'watched', value: 0.0412, unit: 'ms' }),
  ]);
  assert.deepEqual(text.split('\n'), [
    '       figure       value  spread  baseline  ratio  target',
    'holds  cached     14.3 ns       –         –      –  value <= 25',
    'FAILS  start      1235 ms   ±12.3   1000 ms  1.23×  value <= 300',
    '       watched  0.0412 ms       –         –      –  –',
  ]);
});

test('a bench that breaks, measures nothing or is none is told, and the others still run', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bench = (name: string, source: string) => {
    const file = join(folder, `${name}.bench.ts`);
    writeFileSync(file, source);
    return file;
  };
  const lines: string[] = [];
  const session = await measure(
    [
      bench('breaks', `export const run = async () => { throw new Error('no root'); };`),
      bench('empty', 'export const run = async () => [];'),
      bench('none', 'export const other = 1;'),
      bench('elsewhere', `export const skip = () => 'no cluster'; export const run = () => [];`),
      bench('good', `export const run = async () => [{ name: 'f', holds: true }];`),
    ],
    (line) => lines.push(line),
  );
  assert.deepEqual(session.broken, [
    'breaks: no root',
    'empty: it measured nothing',
    'none: it exports no function run()',
  ]);
  assert.deepEqual(
    session.figures.map(({ name }) => name),
    ['f'],
  );
  assert.ok(lines.includes('measuring good'));
  assert.ok(lines.includes('skipped elsewhere: no cluster'));
});

test('processors are two of those that this process may use', () => {
  const cases = [
    ['0-1', [0, 1]],
    ['2,5-7', [2, 5]],
    ['3-4', [3, 4]],
    ['6', [6, 6]],
  ] as const;
  for (const [list, pair] of cases) {
    assert.deepEqual(twoProcessors(`Name:\tnode\nCpus_allowed_list:\t${list}\nx:\t1`), pair);
  }
});
