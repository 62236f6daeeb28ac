import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { named } from './run.ts';
import { block, blockOf, type Column, KEPT, PAGE, promises, readColumns, render } from './table.ts';

const facts = {
  release: '5.10.0-46-amd64',
  cgroups: 'pure',
  packet: 'tw_egress',
  missing: ['unix'],
  cost: { ours: 300, empty: 200, packets: 1000 },
} as const;
const column: Column = {
  name: 'bullseye',
  version: '5.10.262-1',
  facts,
  results: { verdict: 'yes', hooks: 'no' },
};

test('docs/kernels.md holds the table that was kept', () => {
  assert.equal(
    blockOf(readFileSync(PAGE, 'utf8')),
    block(readColumns(KEPT)),
    'stale: run make kernels',
  );
});

test('a cell says what is there, what failed and what was not tried', () => {
  const lines = render([column, { ...column, name: 'host', results: {} }]).split('\n');
  const cells = (title: string) =>
    lines
      .find((line) => line.includes(title))
      ?.split('|')
      .slice(2, -1)
      .map((cell) => cell.trim());
  assert.deepEqual(cells('packet, times'), ['1.5', '1.5']);
  assert.deepEqual(cells('part `unix`'), ['no', 'no']);
  assert.deepEqual(cells('part `create`'), ['yes', 'yes']);
  assert.deepEqual(cells('every hook'), ['no', '–']);
});

test('another version or figure breaks no promise; a lost part or a failed row does', () => {
  const kept = promises([column]);
  const moved = {
    ...column,
    version: '5.10.300-1',
    facts: { ...facts, cost: { ...facts.cost, ours: 1 } },
  };
  assert.deepEqual(promises([moved]), kept);
  assert.notDeepEqual(promises([{ ...column, facts: { ...facts, missing: [] } }]), kept);
  assert.notDeepEqual(promises([{ ...column, results: { verdict: 'no', hooks: 'no' } }]), kept);
});

test('a helper that a kernel knows by number alone is named', () => {
  assert.equal(
    named('invalid func unknown#160'),
    'invalid func unknown#160 (bpf_ktime_get_coarse_ns, which is of Linux 5.11)',
  );
});
