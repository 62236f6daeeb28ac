import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processRecord } from './layout.ts';
import { ProcessTable } from './process-table.ts';

test('a record is read anew when it has changed, and is no other process’s', () => {
  const kernel = new Map<number, Buffer>();
  const table = new ProcessTable((pid, value) => (kernel.get(pid)?.copy(value) ?? 0) > 0);
  const put = (pid: number, start: bigint, comm: string) =>
    kernel.set(pid, processRecord.write({ pid, start, comm: Buffer.from(comm.padEnd(16, '\0')) }));
  const name = (pid: number, start: bigint) =>
    table.of(pid, start)?.comm.toString('latin1').replaceAll('\0', '');
  assert.equal(table.of(5, 1n), undefined);
  put(5, 1n, 'sh');
  put(6, 1n, 'other');
  const first = table.of(5, 1n);
  assert.equal(name(6, 1n), 'other');
  assert.equal(table.of(5, 1n), first, 'the same object');
  assert.equal(table.of(5, 2n), undefined, 'another start');
  put(5, 1n, 'node');
  assert.equal(name(5, 1n), 'node');
  assert.equal(first?.comm.toString('latin1', 0, 2), 'sh', 'what was read stays');
  put(5, 9n, 'later');
  assert.deepEqual([name(5, 1n), name(5, 9n)], [undefined, 'later']);
  kernel.delete(5);
  assert.equal(table.of(5, 9n), undefined);
});
