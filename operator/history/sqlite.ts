/** SQLite in a file, by Node's own module. Calls are short, and made on this thread. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Database, Dialect, Row, Session, Value } from './database.ts';

const dialect: Dialect = {
  identity: 'INTEGER PRIMARY KEY',
  long: 'INTEGER',
  least: 'min',
  greatest: 'max',
  lock: '',
};

/** How long another process's write is waited for, ms. */
const BUSY = 5000;

export class Sqlite implements Database {
  readonly dialect = dialect;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #queue: Promise<unknown> = Promise.resolve();

  /** @param path of a file, or `:memory:` */
  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: BUSY, enableForeignKeyConstraints: true });
    // A crash of the machine may cost the last moments, and never the file.
    for (const pragma of [
      'auto_vacuum = INCREMENTAL',
      'journal_mode = WAL',
      'synchronous = NORMAL',
    ])
      this.#database.exec(`PRAGMA ${pragma}`);
  }

  query(sql: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    return this.#inTurn(async () => this.#run(sql, values));
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = await work({ query: async (sql, values = []) => this.#run(sql, values) });
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#statements.clear();
      this.#database.close();
    });
  }

  #run(sql: string, values: readonly Value[]): readonly Row[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql.replaceAll(/\$(\d+)/g, '?$1'));
      this.#statements.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work);
    this.#queue = next.catch(() => {});
    return next;
  }
}
