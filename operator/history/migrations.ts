/** The schema, step by step: a step that was released never changes. */
import { failure } from '#api/error.ts';
import type { Database, Dialect } from './database.ts';
import { errors } from './errors.ts';

/** Each brings a database from the version that is its index to the next. */
const steps: readonly ((dialect: Dialect) => readonly string[])[] = [
  ({ identity, long }) => [
    `CREATE TABLE history_run (
      id ${identity},
      project TEXT NOT NULL,
      job TEXT NOT NULL,
      run TEXT NOT NULL,
      namespace TEXT NOT NULL,
      pod TEXT NOT NULL,
      first ${long} NOT NULL,
      last ${long} NOT NULL,
      flows ${long} NOT NULL DEFAULT 0,
      beyond ${long} NOT NULL DEFAULT 0,
      UNIQUE (project, job, run)
    )`,
    'CREATE INDEX history_run_by_age ON history_run (last)',
    'CREATE INDEX history_run_by_job ON history_run (project, job, last)',
    `CREATE TABLE history_flow (
      run ${long} NOT NULL REFERENCES history_run (id) ON DELETE CASCADE,
      digest TEXT NOT NULL,
      flow TEXT NOT NULL,
      count ${long} NOT NULL,
      first ${long} NOT NULL,
      last ${long} NOT NULL,
      PRIMARY KEY (run, digest)
    )`,
    `CREATE TABLE history_source (
      source TEXT PRIMARY KEY,
      seq ${long} NOT NULL,
      at ${long} NOT NULL
    )`,
  ],
];

/** @throws TW_HISTORY_NEWER */
export async function migrate(database: Database, to = steps.length): Promise<void> {
  await database.transaction(async (session) => {
    const { lock } = database.dialect;
    if (lock !== '') await session.query(lock);
    await session.query('CREATE TABLE IF NOT EXISTS history_version (version INTEGER NOT NULL)');
    const [row] = await session.query('SELECT max(version) AS version FROM history_version');
    const version = Number(row?.version ?? 0);
    if (version > steps.length) throw failure(errors.newer, { version, known: steps.length });
    for (const step of steps.slice(version, to)) {
      for (const sql of step(database.dialect)) await session.query(sql);
    }
    if (version >= to) return;
    await session.query('DELETE FROM history_version');
    await session.query('INSERT INTO history_version (version) VALUES ($1)', [to]);
  });
}
