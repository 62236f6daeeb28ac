/** PostgreSQL by a URL. Connections come and go; what is written is written in a transaction. */
import pg from 'pg';
import type { Database, Dialect, Row, Session, Value } from './database.ts';

const dialect: Dialect = {
  identity: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
  long: 'BIGINT',
  least: 'least',
  greatest: 'greatest',
  // A number of our own: two operators that start at once migrate one after the other.
  lock: 'SELECT pg_advisory_xact_lock(7364920155)',
};

/** One writes, another answers who reads. */
const CONNECTIONS = 2;
/** ms */
const CONNECT = 10_000;
const STATEMENT = 60_000;

export class Postgres implements Database {
  readonly dialect = dialect;
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: CONNECTIONS,
      connectionTimeoutMillis: CONNECT,
      statement_timeout: STATEMENT,
      query_timeout: STATEMENT,
      application_name: 'torwacht-operator',
    });
    // An idle connection that breaks is made anew when it is needed.
    this.#pool.on('error', () => {});
  }

  async query(sql: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    return (await this.#pool.query<Row>(sql, [...values])).rows;
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    const query = async (sql: string, values: readonly Value[] = []) =>
      (await client.query<Row>(sql, [...values])).rows;
    try {
      await query('BEGIN');
      const result = await work({ query });
      await query('COMMIT');
      return result;
    } catch (error) {
      await query('ROLLBACK').catch((cause: Error) => {
        broken = cause;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
