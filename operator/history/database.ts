/** What the store asks of a database: SQL that SQLite and PostgreSQL read alike, and the few words they do not. */

export type Value = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

export interface Session {
  /** @param sql with `$1`, `$2` … for the values */
  query(sql: string, values?: readonly Value[]): Promise<readonly Row[]>;
}

export interface Database extends Session {
  /** All of it or nothing; one after the other. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
  readonly dialect: Dialect;
}

export interface Dialect {
  /** A column that numbers its rows. */
  readonly identity: string;
  /** A whole number of 64 bits. */
  readonly long: string;
  /** The lesser and the greater of two values. */
  readonly least: string;
  readonly greatest: string;
  /** Keeps others from migrating meanwhile; empty where a transaction does. */
  readonly lock: string;
}
