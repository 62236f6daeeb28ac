import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { EgressEvent } from '#api/event.ts';
import { openReceiver } from '#delivery/testing/receiver.ts';
import type { Part } from '../evidence/told-row.ts';
import type { Batch, Receiver } from './output.ts';
import { isGrowth, Summed } from './summed.ts';
import { openOutput } from './testing/output.ts';
import { rowOf, until } from './testing/rows.ts';

const NOW = AbortSignal.abort();
const NOWHERE = new URL('http://127.0.0.1:1');
const ROWS = 500;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-growth-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Takes nothing until it is told to; then it counts attempts by row. */
function receiver() {
  const attempts = new Map<string, number>();
  const state = { away: true, rows: 0 };
  const deliver = async ({ events }: Batch) => {
    if (state.away) throw new Error('away');
    for (const { event } of events) {
      state.rows += 1;
      attempts.set(event.id ?? '', (attempts.get(event.id ?? '') ?? 0) + (event.added ?? 0));
    }
    return { kind: 'taken', refused: 0 } as const;
  };
  return { it: { deliver, close: () => {} } satisfies Receiver, attempts, state };
}

/** A row with this number, which has happened so often by now. */
const row = (number: number, count: number, added: number): EgressEvent =>
  rowOf({ id: `row-${number}`, count, added });

test('rows that were told before are growth; first ones, and those without an id, are not', () => {
  assert.equal(isGrowth(rowOf({ count: 3, added: 2 })), true);
  assert.equal(isGrowth(rowOf({ count: 3, added: 3 })), false);
  assert.equal(isGrowth(rowOf({ count: 3, added: null })), false);
  assert.equal(isGrowth(rowOf({ id: null, count: 3, added: 2 })), false);
});

test('counts of one row are added up, the last words of it stay, and there are not too many', () => {
  const summed = new Summed(3);
  const part = (row: string, from: number, to: number): Part => ({ row, from, to });
  const told = (event: EgressEvent, ...parts: Part[]) => ({ event, parts });
  assert.ok(summed.add(row(1, 3, 2), [part('a', 0, 1), part('b', 1, 2)]));
  assert.ok(
    summed.add({ ...row(1, 9, 6), last_seen: 'later' }, [part('b', 2, 7), part('c', 0, 1)]),
  );
  assert.ok(summed.add(row(2, 4, 4)));
  assert.ok(summed.add(row(2, 5, 1)), 'what comes after a first one is in it');
  assert.ok(summed.add(row(3, 5, 1)));
  assert.equal(summed.add(row(4, 5, 1)), false);
  assert.equal(summed.add(rowOf({ id: null })), false);
  assert.deepEqual([summed.has(row(2, 9, 1)), summed.has(row(4, 9, 1))], [true, false]);
  assert.deepEqual(summed.take(9, 'firsts'), [told(row(2, 5, 5))]);
  const parts = [part('a', 0, 1), part('b', 1, 7), part('c', 0, 1)];
  assert.deepEqual(summed.take(1), [told({ ...row(1, 9, 8), last_seen: 'later' }, ...parts)]);
  assert.deepEqual(summed.take(9), [told(row(3, 5, 1))]);
  assert.equal(summed.size, 0);
});

test('a burst that is larger than the queue is on disk soon, and none of it is lost', async (t) => {
  const folder = folderFor(t);
  const { it, attempts, state } = receiver();
  const { output, tally } = openOutput({ url: NOWHERE, folder, memory: 4096, receiver: it });
  // All at once, as a pod tells what is found at its end.
  for (let number = 0; number < 20_000; number++) output.send(row(number, 2, 2));
  const lines = () =>
    readdirSync(folder).reduce(
      (sum, name) => sum + readFileSync(join(folder, name), 'latin1').split('\n').length - 1,
      0,
    );
  await until(() => lines() === 20_000);
  state.away = false;
  await until(() => output.waiting === 0);
  await output.end(NOW);
  assert.equal(tally.counts.sent, 20_000);
  assert.deepEqual([attempts.size, new Set(attempts.values())], [20_000, new Set([2])]);
});

test('an outage in which rows go on happening costs no attempt, and a bounded number of rows', async (t) => {
  const folder = folderFor(t);
  const { it, attempts, state } = receiver();
  const { output, tally } = openOutput({ url: NOWHERE, folder, bound: 4 << 20, receiver: it });
  const rounds = 200;
  for (let round = 1; round <= rounds; round++) {
    for (let number = 0; number < ROWS; number++) {
      output.send(row(number, round * 3, 3));
      // Others that happen once, so that much waits.
      if (round === 1) for (let k = 0; k < 5; k++) output.send(row(ROWS + number * 5 + k, 1, 1));
    }
    await setImmediate();
  }
  assert.ok(output.waiting < 16_000, `${output.waiting} of ${rounds * ROWS} rows wait`);
  state.away = false;
  await until(() => output.waiting === 0);
  await output.end(NOW);
  assert.deepEqual(tally.counts.dropped, { full: 0, refused: 0, unreadable: 0, ended: 0 });
  for (let number = 0; number < ROWS; number++) {
    assert.equal(attempts.get(`row-${number}`), rounds * 3);
  }
  assert.equal(attempts.size, ROWS * 6);
});

test('an agent that ends in an outage keeps what was added up on disk, for the next', async (t) => {
  const folder = folderFor(t);
  const { it } = receiver();
  const before = openOutput({ url: NOWHERE, folder, receiver: it });
  for (let number = 0; number < 3000; number++) before.output.send(row(number, 1, 1));
  await until(() => before.output.waiting === 3000);
  for (let number = 0; number < 3000; number++) before.output.send(row(number, 5, 4));
  await before.output.end(NOW);
  assert.equal(before.tally.settled, 0, 'nothing is delivered, and nothing is lost');
  const later = receiver();
  later.state.away = false;
  const { output } = openOutput({ url: NOWHERE, folder, receiver: later.it });
  await until(() => later.state.rows === 6000);
  await output.end(NOW);
  assert.deepEqual(new Set(later.attempts.values()), new Set([5]));
});

test('how many attempts were lost with rows is said', async (t) => {
  const { it } = receiver();
  const { output, tally } = openOutput({ url: NOWHERE, memory: 10, receiver: it });
  const all = 65_536 + 10 + 30;
  for (let number = 0; number < all; number++) output.send(row(number, 7, 7));
  await output.end(NOW);
  const { full, ended } = tally.counts.dropped;
  assert.deepEqual([full, full + ended], [30, all]);
  assert.deepEqual([tally.attempts.full, tally.attempts.ended], [full * 7, ended * 7]);

  const refusing = await openReceiver(() => ({ status: 422 }));
  t.after(() => refusing.close());
  const other = openOutput({ url: refusing.url });
  other.output.send(row(1, 7, 7));
  await until(() => other.tally.settled === 1);
  await other.output.end(NOW);
  assert.equal(other.tally.attempts.refused, 7);
});
