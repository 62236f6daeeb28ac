import assert from 'node:assert/strict';
import { test } from 'node:test';
import { source } from './labels.ts';

test('images bear the time that SOURCE_DATE_EPOCH says, or else that of the commit', () => {
  assert.equal(source({ SOURCE_DATE_EPOCH: '1700000000' }).epoch, 1_700_000_000);
  assert.ok(Number.isSafeInteger(source({}).epoch));
  for (const wrong of ['yesterday', '-1', '1.5']) {
    assert.throws(() => source({ SOURCE_DATE_EPOCH: wrong }), /seconds since 1970/);
  }
});
