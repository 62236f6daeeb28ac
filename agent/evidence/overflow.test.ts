import assert from 'node:assert/strict';
import { test } from 'node:test';
import { egressEventSchema } from '#api/event.ts';
import { overflowRow } from './overflow.ts';

const labels = { target: 't', namespace: 'ci', pod: 'p', project_id: '42', job_name: 'flood' };
const common = { labels, mode: 'Block', since: 1000, now: 5000 } as const;

test('attempts without a row of their own are one row that counts them, of nobody known', () => {
  assert.equal(overflowRow({ ...common, refused: 0 }), undefined);
  const row = overflowRow({ ...common, refused: 995_904 });
  assert.deepEqual(egressEventSchema.parse(row), row);
  assert.deepEqual([row?.count, row?.added, row?.pid, row?.domain], [995_904, 995_904, null, null]);
  assert.deepEqual([row?.project_id, row?.job_name, row?.action], ['42', 'flood', 'block']);
  assert.equal(overflowRow({ ...common, mode: 'Observe', refused: 1 })?.action, 'observe');
});
