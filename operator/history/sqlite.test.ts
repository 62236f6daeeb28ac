import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { storeTests } from '../../test/history/store-table.ts';
import { LateStore } from './late-store.ts';
import { openHistory } from './open.ts';
import { Sqlite } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'torwacht-history-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

storeTests('SQLite', async () => {
  files += 1;
  const path = join(folder, `${files}.db`);
  return { database: new Sqlite(path), again: () => new Sqlite(path) };
});

test('a place that cannot be is told, without what it holds', async () => {
  const file = join(folder, 'text');
  writeFileSync(file, 'no database at all, and long enough to be looked at: '.repeat(40));
  for (const place of [join(folder, 'nowhere/history.db'), file]) {
    await assert.rejects(openHistory(place), { code: 'TW_HISTORY_PLACE' });
  }
});

test('a server that is away is asked again, and no error tells its password', async (t) => {
  const store = await openHistory('postgres://me:topsecret@127.0.0.1:1/x');
  t.after(() => store.close());
  await assert.rejects(store.size(), (error: Error) => {
    assert.doesNotMatch(`${error.message}${error.stack}`, /topsecret/);
    return true;
  });
});

test('a database that comes later is opened then, once', async (t) => {
  const sqlite = new Sqlite(':memory:');
  let away = 2;
  let asked = 0;
  const store = new LateStore({
    dialect: sqlite.dialect,
    query: (sql, values) => sqlite.query(sql, values),
    transaction: async (work) => {
      asked += 1;
      if (away-- > 0) throw new Error('away');
      return sqlite.transaction(work);
    },
    close: () => sqlite.close(),
  });
  t.after(() => store.close());
  await assert.rejects(store.size(), /away/);
  await assert.rejects(store.jobs(1), /away/);
  assert.deepEqual(await Promise.all([store.size(), store.jobs(1)]), [0, []]);
  await store.size();
  assert.equal(asked, 3);
});
