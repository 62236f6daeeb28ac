/** A place for the history, as it is named on the command line. */
import { failure, TorwachtError } from '#api/error.ts';
import { errors } from './errors.ts';
import { LateStore } from './late-store.ts';
import { Postgres } from './postgres.ts';
import { Sqlite } from './sqlite.ts';
import type { HistoryStore } from './store.ts';

/**
 * A file must be there at once; a server is asked with the first question, and no policy waits for it.
 * @param place a path, or `postgres://…`; no error tells it, since a URL can hold a password
 * @throws TW_HISTORY_PLACE, TW_HISTORY_NEWER
 */
export async function openHistory(place: string): Promise<HistoryStore> {
  if (/^postgres(ql)?:\/\//.test(place)) return new LateStore(new Postgres(place));
  const database = opened(() => new Sqlite(place));
  const store = new LateStore(database);
  try {
    await store.open();
  } catch (error) {
    await database.close();
    throw told(error);
  }
  return store;
}

function opened<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw told(error);
  }
}

function told(error: unknown): unknown {
  if (error instanceof TorwachtError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return failure(errors.place, { reason: message || code || 'it does not answer' }, error);
}
