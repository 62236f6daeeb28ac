/** A store whose database may be away when the operator starts: it is opened with the first question that finds it. */
import type { Database } from './database.ts';
import { SqlStore } from './sql-store.ts';
import type { Bounds, Chunk, HistoryStore, RunQuery } from './store.ts';

export class LateStore implements HistoryStore {
  readonly #database: Database;
  #opening: Promise<SqlStore> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Once; again after it has failed. @throws TW_HISTORY_NEWER, and what the database throws */
  open(): Promise<SqlStore> {
    this.#opening ??= SqlStore.open(this.#database).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async taken(sources: readonly string[]) {
    return (await this.open()).taken(sources);
  }

  async add(chunk: Chunk, now: number) {
    await (await this.open()).add(chunk, now);
  }

  async runs(query: RunQuery) {
    return (await this.open()).runs(query);
  }

  async jobs(limit: number) {
    return (await this.open()).jobs(limit);
  }

  async prune(bounds: Bounds, now: number) {
    return (await this.open()).prune(bounds, now);
  }

  async size() {
    return (await this.open()).size();
  }

  async close() {
    await this.#database.close();
  }
}
