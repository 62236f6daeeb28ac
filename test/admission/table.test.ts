/** Every pod of the table, judged by the pure check. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '#webhook/check/decide.ts';
import { refusalText } from '#webhook/check/refusal.ts';
import { rules } from '#webhook/check/rules.ts';
import { accepted } from './table/accepted.ts';
import { bindingsOf } from './table/bindings.ts';
import { refused } from './table/refused.ts';
import { requestOf } from './table/row.ts';

const rows = [...accepted, ...refused];

for (const row of rows) {
  test(`${row.code === null ? 'accepted' : 'refused'}: ${row.what}`, () => {
    const { allowed, problems } = decide(requestOf(row), bindingsOf(row.under ?? 'plain'));
    assert.equal(problems[0]?.code ?? null, row.code, refusalText(problems));
    assert.equal(allowed, row.code === null);
  });
}

test('the table is long enough, says nothing twice, and meets every rule', () => {
  assert.ok(rows.length >= 120, `${rows.length} rows`);
  assert.equal(new Set(rows.map(({ what }) => what)).size, rows.length);
  const met = new Set(refused.map(({ code }) => code));
  assert.deepEqual(
    rules.map(({ code }) => code).filter((code) => !met.has(code)),
    [],
  );
});
