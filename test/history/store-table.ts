/** What every store of the history does, whatever its database. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventOf } from '#operator/alerts/testing/rows.ts';
import type { Database } from '#operator/history/database.ts';
import { type Flow, flowOf, type RunKey } from '#operator/history/flow.ts';
import { migrate } from '#operator/history/migrations.ts';
import { SqlStore } from '#operator/history/sql-store.ts';
import { type Chunk, FLOWS_OF_A_RUN, type HistoryStore } from '#operator/history/store.ts';

/** An empty database, and the same again as another process opens it. */
export type Open = () => Promise<{ readonly database: Database; again(): Database }>;

const DAY = 86_400_000;
const NOW = Date.UTC(2030, 0, 10);

const run = (change: Partial<RunKey> = {}): RunKey => ({
  ...{ project: '42', job: 'install', run: 'r1', namespace: 'ci', pod: 'runner-1' },
  ...change,
});
const flow = (change: Partial<Flow> = {}): Flow => ({
  ...flowOf(eventOf(), NOW),
  ...{ first: NOW - 1000, last: NOW },
  ...change,
});
const chunk = (key: RunKey, flows: readonly Flow[], sources: [string, number][] = []): Chunk => ({
  runs: [{ run: key, flows }],
  sources: new Map(sources),
});

export function storeTests(kind: string, open: Open): void {
  const withStore = (name: string, work: (store: HistoryStore) => Promise<void>) =>
    test(`${kind}: ${name}`, async () => {
      const { database } = await open();
      const store = await SqlStore.open(database);
      try {
        await work(store);
      } finally {
        await store.close();
      }
    });

  withStore('what is added is read, flow by flow, the latest run first', async (store) => {
    const flows = [
      flow({ first: NOW - 5 }),
      flow({ first: NOW - 4, action: 'allow', reason: 'name', domain: 'a.example', ip: null }),
      flow({ first: NOW - 3, domain: null, port: null, protocol: null, comm: null, ancestry: [] }),
      flow({ first: NOW - 2, comm: '\\x00"\'; DROP TABLE history_run; --' }),
    ];
    await store.add(chunk(run(), flows), NOW);
    await store.add(chunk(run({ run: 'r2' }), [flow({ last: NOW + 1 })]), NOW);
    await store.add(chunk(run({ job: 'test' }), [flow()]), NOW);
    await store.add(chunk(run({ project: '4' }), [flow()]), NOW);
    const runs = await store.runs({ project: '42', job: 'install', limit: 10 });
    assert.deepEqual(
      runs.map(({ run: name }) => name),
      ['r2', 'r1'],
    );
    assert.deepEqual(runs[1], {
      ...run(),
      ...{ first: NOW - 5, last: NOW, beyond: 0, flows },
    });
    assert.equal((await store.runs({ project: '42', limit: 10 })).length, 3);
    assert.equal((await store.runs({ project: '42', limit: 1 })).length, 1);
    assert.deepEqual(await store.runs({ project: '42', job: '', limit: 1 }), []);
    assert.deepEqual(await store.jobs(2), [
      { project: '42', job: 'install', runs: 2, last: NOW + 1 },
      { project: '4', job: 'install', runs: 1, last: NOW },
    ]);
    assert.equal(await store.size(), 7);
  });

  withStore('the same flow is one, and its attempts are added up', async (store) => {
    await store.add(chunk(run(), [flow({ count: 3, first: 5, last: 9 })]), NOW);
    await store.add(chunk(run(), [flow({ count: 4, first: 7, last: 8 }), flow({ port: 1 })]), NOW);
    const [one] = await store.runs({ project: '42', job: 'install', limit: 1 });
    assert.deepEqual(
      one?.flows.map(({ count, first, last }) => [count, first, last]),
      [
        [7, 5, 9],
        [1, NOW - 1000, NOW],
      ],
    );
    assert.equal(await store.size(), 2);
  });

  withStore('numbers of sources are kept with what they came with', async (store) => {
    assert.deepEqual(await store.taken([]), new Map());
    await store.add(chunk(run(), [flow()], [['a', 7]]), NOW);
    await store.add({ runs: [], sources: new Map([['b', 2]]) }, NOW);
    await store.add(chunk(run(), [flow()], [['a', 5]]), NOW);
    const many = Array.from({ length: 500 }, (_, n) => `x${n}`);
    assert.deepEqual(
      await store.taken(['a', 'b', 'c', ...many]),
      new Map([
        ['a', 7],
        ['b', 2],
      ]),
    );
    // The last attempt cannot be written, and so none of its chunk is.
    const broken = { ...flow(), count: Number.NaN };
    await assert.rejects(store.add(chunk(run(), [flow({ port: 9 }), broken], [['a', 9]]), NOW));
    assert.deepEqual(await store.taken(['a']), new Map([['a', 7]]));
    assert.equal(await store.size(), 1);
  });

  withStore('a run has so many flows, and the rest is counted', async (store) => {
    const flows = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) =>
        flow({ domain: `d${from + n}.example`, count: 2 }),
      );
    await store.add(chunk(run(), flows(0, FLOWS_OF_A_RUN - 1)), NOW);
    await store.add(chunk(run(), flows(FLOWS_OF_A_RUN - 3, FLOWS_OF_A_RUN + 9)), NOW);
    await store.add(chunk(run(), flows(FLOWS_OF_A_RUN + 9, FLOWS_OF_A_RUN + 10)), NOW);
    const [one] = await store.runs({ project: '42', limit: 1 });
    assert.equal(one?.flows.length, FLOWS_OF_A_RUN);
    assert.equal(one?.beyond, 20);
    assert.equal(await store.size(), FLOWS_OF_A_RUN);
  });

  withStore('what is old goes, and then the oldest runs beyond the bound', async (store) => {
    for (let day = 1; day <= 8; day += 1) {
      const at = { first: NOW - day * DAY, last: NOW - day * DAY };
      const flows = [flow(at), flow({ ...at, port: 1 }), flow({ ...at, port: 2 })];
      await store.add(chunk(run({ run: `day ${day}` }), flows, [[`s${day}`, 1]]), NOW - day * DAY);
    }
    assert.equal(await store.prune({ rows: 1000, age: 6 * DAY }, NOW), 2 * 3);
    assert.equal(await store.prune({ rows: 10, age: 6 * DAY }, NOW), 3 * 3);
    const runs = await store.runs({ project: '42', limit: 100 });
    assert.deepEqual(
      runs.map(({ run: name }) => name),
      ['day 1', 'day 2', 'day 3'],
    );
    assert.equal(await store.prune({ rows: 10, age: 6 * DAY }, NOW), 0);
    assert.equal((await store.taken(['s1', 's8'])).get('s8'), undefined);
  });

  withStore('writers that come at once do not lose anything', async (store) => {
    const all = Array.from({ length: 20 }, (_, n) =>
      store.add(chunk(run({ run: `r${n % 3}` }), [flow(), flow({ port: n })], [[`s${n}`, 1]]), NOW),
    );
    await Promise.all([...all, store.prune({ rows: 1000, age: DAY }, NOW)]);
    const runs = await store.runs({ project: '42', limit: 10 });
    const counts = runs.flatMap(({ flows }) => flows.map(({ count }) => count));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      40,
    );
  });

  test(`${kind}: it is migrated once, and not by a version that does not know it`, async () => {
    const { database, again } = await open();
    await Promise.all([migrate(database), migrate(database)]);
    const store = await SqlStore.open(database);
    await store.add(chunk(run(), [flow()]), NOW);
    await store.close();
    const reopened = again();
    const kept = await SqlStore.open(reopened);
    assert.equal(await kept.size(), 1);
    await reopened.query('UPDATE history_version SET version = 99');
    await assert.rejects(migrate(reopened), { code: 'TW_HISTORY_NEWER' });
    await kept.close();
  });
}
