import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openReceiver, type TestReceiver } from '#delivery/testing/receiver.ts';
import { idsOf, openOutput } from './testing/output.ts';
import { rowOf, until } from './testing/rows.ts';

const NOW = AbortSignal.abort();

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-spool-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function linesIn(folder: string): number {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  return texts.join('').split('\n').length - 1;
}

async function receiverFor(t: TestContext, react?: TestReceiver['react']): Promise<TestReceiver> {
  const receiver = await openReceiver(react);
  t.after(() => receiver.close());
  return receiver;
}

/** The first answers, one after the other, and then 200. */
const first = (...reactions: readonly ReturnType<TestReceiver['react']>[]) => {
  const left = [...reactions];
  return () => left.shift() ?? { status: 200 };
};

test('rows are delivered in order, numbered, and are gone from the disk', async (t) => {
  const folder = folderFor(t);
  const { url, received } = await receiverFor(t);
  const { output, tally, instance } = openOutput({ url, folder });
  for (let count = 1; count <= 1000; count++) output.send(rowOf({ count }));
  await until(() => output.waiting === 0);
  await output.end(NOW);
  assert.deepEqual(
    idsOf(received),
    Array.from({ length: 1000 }, (_, i) => `${instance}/${i + 1}`),
  );
  assert.deepEqual(JSON.parse(received[0]?.body ?? '').events[0].event, rowOf({ count: 1 }));
  assert.equal(tally.counts.sent, 1000);
  assert.equal(tally.settled, 1000);
  assert.deepEqual(readdirSync(folder), []);
});

for (const [how, reactions, tries] of [
  ['answers 500', [{ status: 500 }, { status: 503 }], 2],
  ['cuts the connection', ['cut', 'cut', 'cut'], 3],
  ['gives no answer in time', ['hang'], 1],
  ['does not know the secret any more', [{ status: 401 }], 1],
  ['has moved', [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }], 1],
] as const) {
  test(`a receiver that ${how} is tried again with the same id, and gets all`, async (t) => {
    const receiver = await receiverFor(t, first(...reactions));
    const { output, tally, troubles } = openOutput({ url: receiver.url, timeout: 200 });
    output.send(rowOf());
    await until(() => tally.settled === 1);
    await output.end(NOW);
    assert.equal(tally.counts.sent, 1);
    assert.equal(tally.counts.retried, tries);
    assert.equal(receiver.received.length, tries + 1);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(troubles.length, 2, 'told once that it fails, and once that it is over');
    assert.equal(troubles[1], undefined);
  });
}

test('Retry-After is what is waited at least, and waits grow without it', async (t) => {
  const asked = { status: 429, headers: { 'retry-after': '7' } };
  const receiver = await receiverFor(t, first(asked, { status: 500 }, { status: 500 }));
  const { output, tally, waits } = openOutput({ url: receiver.url });
  output.send(rowOf());
  await until(() => tally.settled === 1);
  await output.end(NOW);
  assert.deepEqual(waits, [7000, 500, 1000]);
});

test('a batch that is refused for good is counted and does not hold up the next', async (t) => {
  const receiver = await receiverFor(t, first({ status: 422 }));
  const { output, tally } = openOutput({ url: receiver.url });
  output.send(rowOf());
  await until(() => tally.settled === 1);
  output.send(rowOf());
  await until(() => tally.settled === 2);
  await output.end(NOW);
  assert.equal(tally.counts.dropped.refused, 1);
  assert.equal(tally.counts.sent, 1);
});

test('while nobody listens rows wait on disk, and an agent after this one delivers them', async (t) => {
  const folder = folderFor(t);
  const before = await openReceiver();
  const port = Number(before.url.port);
  await before.close();
  const old = openOutput({ url: before.url, folder });
  for (let count = 1; count <= 3000; count++) {
    old.output.send(rowOf({ count, added: count }));
    if (count % 500 === 0) await setImmediate();
  }
  await until(() => old.tally.counts.retried > 2);
  await old.output.end(NOW);
  assert.equal(old.tally.settled, 0, 'nothing is delivered, and nothing is lost');

  const receiver = await openReceiver(undefined, port);
  t.after(() => receiver.close());
  const { output, tally, instance } = openOutput({ url: receiver.url, folder });
  output.send(rowOf());
  await until(() => output.waiting === 0);
  await output.end(NOW);
  const expected = Array.from({ length: 3000 }, (_, i) => `${old.instance}/${i + 1}`);
  assert.deepEqual(idsOf(receiver.received), [...expected, `${instance}/1`]);
  assert.equal(tally.counts.sent, 3001);
});

test('an agent that is killed in the middle loses nothing that was on disk', async (t) => {
  const folder = folderFor(t);
  const receiver = await receiverFor(t, () => ({ status: 503 }));
  const old = openOutput({ url: receiver.url, folder });
  for (let count = 1; count <= 4000; count++) old.output.send(rowOf({ count, added: count }));
  await until(() => linesIn(folder) === 4000);
  receiver.received.length = 0;
  let batches = 0;
  receiver.react = () => (++batches > 2 ? 'hang' : { status: 200 });
  // From here on the old one waits for an answer and says no more, as if it were gone.
  await until(() => batches > 2);
  receiver.react = () => ({ status: 200 });
  const after = openOutput({ url: receiver.url, folder });
  await until(() => new Set(idsOf(receiver.received)).size >= 4000);
  await after.output.end(AbortSignal.timeout(1000));
  await old.output.end(NOW);
  const got = idsOf(receiver.received);
  assert.equal(new Set(got).size, 4000);
  assert.ok(got.length < 6000, 'no more is sent twice than one file and what was under way');
});

test('without a disk, what cannot be delivered at the end is counted', async (t) => {
  const receiver = await receiverFor(t, () => ({ status: 503 }));
  const { output, tally } = openOutput({ url: receiver.url });
  for (let count = 1; count <= 10; count++) output.send(rowOf());
  await until(() => receiver.received.length > 1);
  await output.end(AbortSignal.timeout(1000));
  assert.equal(tally.counts.dropped.ended, 10);
  assert.equal(tally.settled, 10);
});

test('the end waits for what a receiver takes at once', async (t) => {
  const { url, received } = await receiverFor(t);
  const { output, tally } = openOutput({ url });
  for (let count = 1; count <= 1500; count++) output.send(rowOf());
  await output.end(AbortSignal.timeout(20_000));
  assert.equal(idsOf(received).length, 1500);
  assert.equal(tally.counts.sent, 1500);
});

test('a flood of 100,000 rows: sent and dropped are exact, and gaps in the numbers are what was dropped', async (t) => {
  const folder = folderFor(t);
  const { url, received } = await receiverFor(t);
  const bound = 2 << 20;
  const { output, tally, instance } = openOutput({ url, folder, bound, memory: 1000 });
  for (let count = 1; count <= 100_000; count++) {
    // Nobody knows which row it is, so it waits by itself.
    output.send(rowOf({ id: null }));
    if (count % 100 === 0) await setImmediate();
  }
  await until(() => output.waiting === 0);
  await output.end(NOW);
  const { sent, dropped } = tally.counts;
  assert.equal(sent + dropped.full, 100_000);
  assert.ok(sent > 0 && dropped.full > 0, `${sent} sent, ${dropped.full} dropped`);
  const ids = idsOf(received);
  assert.equal(ids.length, sent);
  assert.equal(new Set(ids).size, sent);
  const last = Number(ids.at(-1)?.replace(`${instance}/`, ''));
  assert.ok(last - sent <= dropped.full, 'the rest was dropped behind the last one');
  t.diagnostic(`${sent} sent, ${dropped.full} dropped`);
});
