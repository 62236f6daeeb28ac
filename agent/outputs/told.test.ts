import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { rowKey } from '#bpf/layout.ts';
import type { Told, ToldOutput } from '#bpf/records.ts';
import type { Part } from '../evidence/told-row.ts';
import { Spool } from './spool.ts';
import { openOutput } from './testing/output.ts';
import { rowOf, until } from './testing/rows.ts';
import { type Beginning, ToldRows } from './told.ts';

const TARGET = 7;
const NOW = AbortSignal.abort();
const NOWHERE = new URL('http://127.0.0.1:1');

const keyOf = (port: number) => rowKey.write({ target: TARGET, port });
const part = (port: number, from: number, to: number): Part => ({
  ...{ row: keyOf(port).toString('latin1'), from, to },
});

/** The pinned maps, in memory. `writes`: how often something was written down of a row. */
function pinned() {
  const rows = new Map<string, Told>();
  const outputs: ToldOutput[] = Array.from({ length: 4 }, () => ({
    ...{ place: 0n, base: 0n, name: '', instance: '' },
  }));
  const key = (row: Buffer, output: number) => `${output}/${row.toString('latin1')}`;
  return {
    rows,
    read: (row: Buffer, output: number) => rows.get(key(row, output)),
    write: (row: Buffer, output: number, told: Told) => void rows.set(key(row, output), told),
    delete: (row: Buffer, output: number) => void rows.delete(key(row, output)),
    keys: () =>
      [...rows.keys()].map((one) => ({
        row: Buffer.from(one.slice(2), 'latin1'),
        output: Number(one[0]),
      })),
    outputs: () => outputs,
    setOutput: (output: number, value: ToldOutput) => void outputs.splice(output, 1, value),
  };
}

type Pinned = ReturnType<typeof pinned>;

/** An agent's books; what cannot be written down is an error. */
function open(table: Pinned, ...beginnings: readonly (Partial<Beginning> & { name: string })[]) {
  const targets = new Set([TARGET]);
  const fault = (error: unknown) => {
    throw error;
  };
  const begun = beginnings.map((one) => ({ instance: 'i', spooled: new Map(), ...one }));
  return new ToldRows(table, begun, { targets, fault });
}

const queued = (seq: number, ...parts: readonly Part[]) => ({ seq, event: rowOf(), parts });

test('what is written counts, also where nobody came to say that it was', () => {
  const table = pinned();
  const one = open(table, { name: 'a', instance: 'one' }).output('a');
  one.writing([queued(1, part(1, 0, 3))]);
  one.written(1);
  one.writing([queued(2, part(1, 3, 5)), queued(3, part(2, 0, 4))]);
  // Killed here. The spool has none of the last step, the first row of it, or all.
  for (const [last, counts] of [
    [1, [3, 0]],
    [2, [5, 0]],
    [3, [5, 4]],
  ] as const) {
    const copy = pinned();
    for (const [key, told] of table.rows) copy.rows.set(key, told);
    copy.setOutput(0, table.outputs()[0] as ToldOutput);
    const spooled = new Map([['one', last]]);
    const next = open(copy, { name: 'a', instance: 'two', spooled });
    assert.deepEqual([next.of(keyOf(1)), next.of(keyOf(2))], counts);
    // Delivered and gone from the disk by then: it stays so over one more agent.
    next.output('a').writing([queued(1, part(3, 0, 1))]);
    const third = open(copy, { name: 'a', instance: 'three' });
    assert.deepEqual([third.of(keyOf(1)), third.of(keyOf(2)), third.of(keyOf(3))], [...counts, 0]);
  }
});

test('what goes out without a spool counts when it is delivered', () => {
  const table = pinned();
  const one = open(table, { name: 'a' });
  one.output('a').writing([queued(1, part(1, 0, 3))]);
  one.output('a').unwritten([queued(1, part(1, 0, 3))]);
  one.output('a').writing([queued(5, part(2, 0, 1))]);
  one.output('a').written(5);
  assert.equal(one.of(keyOf(1)), 0, 'the disk took what came later');
  assert.equal(one.isKept(keyOf(1), 3), false);
  one.output('a').settled([part(1, 0, 3)]);
  assert.equal(one.isKept(keyOf(1), 3), true);
  assert.equal(open(table, { name: 'a' }).of(keyOf(1)), 3);
});

test('each output is told what it was not told before', () => {
  const table = pinned();
  const before = open(table, { name: 'a' }, { name: 'b' });
  before.output('a').settled([part(1, 0, 10)]);
  before.output('b').settled([part(1, 0, 4)]);
  const now = open(table, { name: 'b' }, { name: 'a' }, { name: 'new' });
  assert.equal(now.of(keyOf(1)), 0, 'the least');
  const row = { event: rowOf({ count: 6, added: 6 }), parts: [part(1, 0, 6)] };
  const added = (name: string, told: typeof row) => now.output(name).rest(told)?.event.added;
  assert.deepEqual([added('new', row), added('b', row), added('a', row)], [6, 2, undefined]);
  const more = { event: rowOf({ count: 15, added: 9 }), parts: [part(1, 6, 15)] };
  assert.deepEqual([added('new', more), added('b', more), added('a', more)], [9, 9, 5]);
  const other = { event: rowOf({ count: 2, added: 2 }), parts: [part(2, 0, 2)] };
  assert.equal(now.output('a').rest(other), other);
});

test('an output that is no more leaves its number to another, which has been told nothing', () => {
  const table = pinned();
  const names = ['a', 'b', 'c', 'd'];
  const all = open(table, ...names.map((name) => ({ name })));
  for (const name of names) all.output(name).settled([part(1, 0, 5)]);
  const now = open(table, { name: 'e' }, { name: 'b' });
  assert.equal(now.of(keyOf(1)), 0);
  assert.equal(now.output('b').rest({ event: rowOf(), parts: [part(1, 0, 5)] }), undefined);
  assert.deepEqual(
    table
      .outputs()
      .map(({ name }) => name)
      .sort(),
    ['b', 'c', 'd', 'e'],
  );
  now.giveUp(TARGET);
  now.output('e').settled([part(9, 0, 1)]);
  assert.equal(now.of(keyOf(9)), 0, 'its rows are no more');
});

test('what is written down of targets that are no more is removed', () => {
  const table = pinned();
  const output = open(table, { name: 'a' }).output('a');
  output.settled([part(1, 0, 5)]);
  const gone = rowKey.write({ target: 8, port: 1 }).toString('latin1');
  output.settled([{ row: gone, from: 0, to: 1 }]);
  open(table, { name: 'a' });
  assert.equal(table.rows.size, 1);
});

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-told-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a step that was written in part: rows of it that are on disk count, and no others', async (t) => {
  const folder = folderFor(t);
  const table = pinned();
  const told = open(table, { name: 'a', instance: 'one' }).output('a');
  const unreadable = () => {};
  const spool = new Spool({ folder, bound: 1 << 20, instance: 'one', started: 1, unreadable });
  // Killed within the write: nobody says `written`.
  const half = { ...told, writing: told.writing.bind(told), written: () => {} };
  await spool.append([queued(1, part(1, 0, 2)), queued(2, part(2, 0, 3))], half);
  await spool.close();
  const [name = ''] = readdirSync(folder);
  const text = readFileSync(join(folder, name), 'latin1');
  truncateSync(join(folder, name), text.indexOf('\n') + 1);
  appendFileSync(join(folder, name), '{"seq":2,"ev');
  const next = new Spool({ folder, bound: 1 << 20, instance: 'two', started: 2, unreadable });
  const spooled = await next.found();
  assert.deepEqual([...spooled], [['one', 1]]);
  const rows = open(table, { name: 'a', instance: 'two', spooled });
  assert.deepEqual([rows.of(keyOf(1)), rows.of(keyOf(2))], [2, 0]);
});

test('one row twice in memory goes to the disk in two steps', async (t) => {
  const folder = folderFor(t);
  const table = pinned();
  const all = open(table, { name: 'a' });
  const steps: number[][] = [];
  const output = all.output('a');
  const told = {
    rest: output.rest.bind(output),
    writing(records: Parameters<typeof output.writing>[0]) {
      steps.push(records.map(({ seq }) => seq));
      output.writing(records);
    },
    written: output.written.bind(output),
    unwritten: output.unwritten.bind(output),
    settled: output.settled.bind(output),
  };
  const { output: delivery } = openOutput({ url: NOWHERE, folder, told });
  delivery.send(rowOf({ id: 'r' }), [part(1, 0, 1)]);
  delivery.send(rowOf({ id: 's' }), [part(2, 0, 1)]);
  delivery.send(rowOf({ id: 'r', count: 4, added: 3 }), [part(1, 1, 4)]);
  await until(() => all.isKept(keyOf(1), 4) && all.isKept(keyOf(2), 1));
  await delivery.end(NOW);
  assert.ok(
    steps.every((seqs) => !(seqs.includes(1) && seqs.includes(3))),
    JSON.stringify(steps),
  );
});

test('sums that wait in memory are not told: the next agent tells them', async (t) => {
  const folder = folderFor(t);
  const table = pinned();
  const all = open(table, { name: 'a' });
  const options = { url: NOWHERE, folder, told: all.output('a'), bound: 1000 };
  const { output } = openOutput(options);
  output.send(rowOf({ id: 'r' }), [part(1, 0, 1)]);
  await until(() => all.isKept(keyOf(1), 1));
  output.send(rowOf({ id: 'r', count: 9, added: 8 }), [part(1, 1, 9)]);
  assert.equal(output.waiting, 2);
  assert.equal(open(table, { name: 'a' }).of(keyOf(1)), 1, 'killed now');
  await output.end(NOW);
});

test('what is lost for want of room is told, and what comes when an agent ends is the next one’s', async () => {
  const table = pinned();
  const all = open(table, { name: 'a' });
  const { output, tally } = openOutput({ url: NOWHERE, told: all.output('a'), memory: 0 });
  // Nobody knows which row it is, so there is no sum of it.
  output.send(rowOf({ id: null }), [part(1, 0, 1)]);
  assert.deepEqual([tally.counts.dropped.full, all.of(keyOf(1))], [1, 1]);
  await output.end(NOW);
  output.send(rowOf({ id: null }), [part(2, 0, 1)]);
  assert.deepEqual([tally.counts.dropped.ended, all.of(keyOf(2))], [1, 0]);
});
