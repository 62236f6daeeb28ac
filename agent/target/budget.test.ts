import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBudget, queryCredit } from './budget.ts';

test('a burst and then so many queries a second, as the kernel counts them', () => {
  assert.deepEqual(queryCredit(defaultBudget), {
    query_interval: 2_000_000,
    query_burst: 2_000_000_000n,
  });
  const fast = { ...defaultBudget, queryBurst: 3, queriesPerSecond: 4e9 };
  assert.deepEqual(queryCredit(fast), { query_interval: 1, query_burst: 3n });
});
