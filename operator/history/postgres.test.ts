/** The same against a real server, which this file starts and ends. */
import { after, test } from 'node:test';
import { findPostgres, startPostgres } from '../../test/history/postgres.ts';
import { storeTests } from '../../test/history/store-table.ts';
import { Postgres } from './postgres.ts';

const programs = findPostgres();
if (programs === undefined) {
  test('PostgreSQL', { skip: 'there is no initdb on this host: install postgresql' }, () => {});
} else {
  const server = startPostgres(programs);
  after(() => server.stop());
  storeTests('PostgreSQL', async () => {
    const url = await server.database();
    return { database: new Postgres(url), again: () => new Postgres(url) };
  });
}
