import assert from 'node:assert/strict';
import { test } from 'node:test';
import { egressEventSchema } from '#api/event.ts';
import { toldLookupKey } from '#bpf/lookup-table.ts';
import { overflowKey } from '#bpf/told-table.ts';
import { type Overflow, overflowRow } from './overflow.ts';
import { BEYOND } from './refused-lookups.ts';

const labels = { target: 't', namespace: 'ci', pod: 'p', project_id: '42', job_name: 'flood' };
const common = {
  ...{ labels, mode: 'Block', since: 1000, now: 5000 },
  ...{ elsewhere: 0, target: 7, told: undefined },
} satisfies Omit<Overflow, 'refused'>;

test('attempts without a row of their own are one row that counts them, of nobody known', () => {
  assert.equal(overflowRow({ ...common, refused: 0 }), undefined);
  const row = overflowRow({ ...common, refused: 995_904 })?.event;
  assert.deepEqual(egressEventSchema.parse(row), row);
  assert.deepEqual([row?.count, row?.added, row?.pid, row?.domain], [995_904, 995_904, null, null]);
  assert.deepEqual([row?.project_id, row?.job_name, row?.action], ['42', 'flood', 'block']);
  assert.equal(overflowRow({ ...common, mode: 'Observe', refused: 1 })?.event.action, 'observe');
});

test('what an agent before told of it is not told again, of packets and of lookups', () => {
  const [packets, lookups] = [overflowKey(7), toldLookupKey(7, BEYOND)];
  const told = { of: (row: Buffer) => (row.equals(packets) ? 30 : row.equals(lookups) ? 2 : 0) };
  const row = overflowRow({ ...common, refused: 50, elsewhere: 5, told });
  assert.deepEqual([row?.event.count, row?.event.added], [55, 23]);
  assert.deepEqual(row?.parts, [
    { row: packets.toString('latin1'), from: 30, to: 50 },
    { row: lookups.toString('latin1'), from: 2, to: 5 },
  ]);
  const all = overflowRow({ ...common, refused: 30, elsewhere: 2, told });
  assert.deepEqual([all?.event.added, all?.parts], [0, []]);
});
