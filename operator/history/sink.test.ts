import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { TestClock } from '#kube/testing/clock.ts';
import { eventOf } from '../alerts/testing/rows.ts';
import { HistorySink } from './sink.ts';
import { SqlStore } from './sql-store.ts';
import { Sqlite } from './sqlite.ts';
import type { Chunk } from './store.ts';

const GO = new AbortController().signal;

async function start(t: TestContext, waiting = 50_000) {
  const store = await SqlStore.open(new Sqlite(':memory:'));
  const clock = new TestClock();
  const chunks: Chunk[] = [];
  const troubles: (string | undefined)[] = [];
  const state = { fails: false, dropped: 0, gate: Promise.resolve() };
  const sink = new HistorySink({
    store: {
      taken: (sources) => (state.fails ? Promise.reject(new Error('away')) : store.taken(sources)),
      add: async (chunk, now) => {
        await state.gate;
        if (state.fails) throw new Error('away');
        chunks.push(chunk);
        await store.add(chunk, now);
      },
      runs: (query) => store.runs(query),
      jobs: (limit) => store.jobs(limit),
      prune: (bounds, now) => store.prune(bounds, now),
      size: () => store.size(),
      close: async () => {},
    },
    ...{ clock, waiting, trouble: (why) => void troubles.push(why) },
    dropped: (rows) => {
      state.dropped += rows;
    },
  });
  t.after(async () => {
    await sink.stop();
    await store.close();
  });
  let seq = 0;
  const take = (source: string, ...events: EgressEvent[]) =>
    sink.take(
      {
        ...{ node: 'n', source },
        events: events.map((event) => {
          seq += 1;
          return { seq, event };
        }),
      },
      GO,
    );
  const counts = async () => {
    const runs = await store.runs({ project: '42', limit: 10 });
    return runs.flatMap(({ flows }) => flows.map(({ count }) => count)).sort();
  };
  return { sink, store, clock, chunks, troubles, state, take, counts };
}

test('processes of the same name are one flow, and addresses of a name are not kept', async (t) => {
  const { take, store } = await start(t);
  await take(
    's',
    eventOf({ pid: 1, added: 2, count: 2 }),
    eventOf({ pid: 2, ip: '198.51.100.9', added: 3, count: 9 }),
    eventOf({ ip: '10.1.2.3' }),
    eventOf({ domain: null }),
    eventOf({ project_id: null }),
  );
  const [run] = await store.runs({ project: '42', limit: 1 });
  assert.deepEqual(run?.flows.map(({ domain, ip, count }) => [domain, ip, count]).sort(), [
    [null, '192.0.2.1', 1],
    ['evil.example', null, 5],
    ['evil.example', '10.1.2.3', 1],
  ]);
});

test('rows that come twice count once, also after another process took them', async (t) => {
  const { sink, take, store, counts, clock } = await start(t);
  await take('s', eventOf());
  const again = { node: 'n', source: 's', events: [{ seq: 1, event: eventOf() }] };
  await sink.take(again, GO);
  const other = new HistorySink({ store, clock, dropped: () => {}, trouble: () => {} });
  await other.take(again, GO);
  await other.take({ ...again, events: [...again.events, { seq: 2, event: eventOf() }] }, GO);
  assert.deepEqual(await counts(), [2]);
});

test('what comes while it writes is one chunk', async (t) => {
  const { take, chunks, state, counts } = await start(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  state.gate = promise;
  const first = take('a', eventOf());
  await new Promise(setImmediate);
  const rest = Array.from({ length: 50 }, (_, n) => take(`b${n}`, eventOf()));
  resolve();
  await Promise.all([first, ...rest]);
  assert.ok(chunks.length <= 3, `${chunks.length}`);
  assert.deepEqual(await counts(), [51]);
});

test('a store that is away holds up nobody for long, and loses nothing within the bound', async (t) => {
  const { take, clock, state, troubles, counts, sink } = await start(t, 3);
  state.fails = true;
  const takes = [1, 2, 3, 4, 5].map((port) => take('s', eventOf({ port }), eventOf({ port })));
  let resolved = 0;
  for (const one of takes) void one.then(() => (resolved += 1));
  await clock.pass(4000);
  assert.equal(resolved, 0);
  await clock.pass(1000);
  assert.equal(resolved, 5);
  await clock.pass(60_000);
  assert.equal(sink.waiting, 3);
  assert.equal(state.dropped, 4);
  state.fails = false;
  await clock.pass(60_000);
  assert.deepEqual(await counts(), [2, 2, 2]);
  assert.deepEqual(troubles, ['away', undefined]);
});

test('what waits at the end is written, or counted', async (t) => {
  const { take, state, sink, counts, clock } = await start(t);
  state.fails = true;
  void take('s', eventOf());
  await clock.pass(10);
  state.fails = false;
  await sink.stop();
  assert.deepEqual(await counts(), [1]);
});

test('what a node says cannot keep others out, whatever it says', async (t) => {
  const { take, store, state, clock } = await start(t);
  const odd = '\u0000\ud800ü\n'.repeat(2000);
  await take(
    's',
    eventOf({ time: 'never', last_seen: '', count: -5, added: -5 }),
    eventOf({ time: '9999-01-01T00:00:00Z', last_seen: '9999-01-01T00:00:00Z', port: 1 }),
    eventOf({
      ...{ target: odd, pod: odd, job_name: odd, comm: odd, exe: odd, domain: odd },
      port: 2,
    }),
    eventOf({ ancestry: Array.from({ length: 5000 }, () => ({ pid: 1, comm: odd })), port: 3 }),
  );
  assert.equal(state.dropped, 0);
  const runs = await store.runs({ project: '42', limit: 10 });
  assert.equal(runs.length, 2);
  const flows = runs.flatMap((run) => run.flows);
  assert.equal(flows.length, 4);
  for (const { first, last, count, ...rest } of flows) {
    assert.ok(first <= last && last <= clock.wall() && count >= 0);
    assert.match(JSON.stringify(rest), /^[ -~]{1,6000}$/);
  }
});
