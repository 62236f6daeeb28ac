/** Events on their way through the operator's history: kept in SQLite, and answered as `torwacht suggest` asks it. */

import type { EgressEvent } from '#api/event.ts';
import { systemClock } from '#kube/index.ts';
import { answer } from '#operator/answers/answers.ts';
import { HistorySink } from '#operator/history/sink.ts';
import { SqlStore } from '#operator/history/sql-store.ts';
import { Sqlite } from '#operator/history/sqlite.ts';
import { rowsOf, suggest } from '#policy/suggest.ts';

/** What is suggested from it. */
export async function suggestedFromHistory(
  events: readonly EgressEvent[],
  { project, job }: { readonly project: string; readonly job: string },
): Promise<string> {
  const store = await SqlStore.open(new Sqlite(':memory:'));
  const sink = new HistorySink({
    ...{ store, clock: systemClock, dropped: () => {}, trouble: () => {} },
  });
  const numbered = events.map((event, index) => ({ seq: index + 1, event }));
  await sink.take(
    { node: 'here', source: 'here/1', events: numbered },
    new AbortController().signal,
  );
  const query = new URLSearchParams({ project, job });
  const url = new URL(`http://operator/v1/history?${query}`);
  const parts = { history: store, leads: () => true, alerts: { test: async () => [] } };
  const { body } = await answer({ method: 'GET', url }, parts);
  await sink.stop();
  const { events: rows } = body as { events: readonly EgressEvent[] };
  return suggest(rowsOf(rows), { project, job, unrecorded: 0 }).text;
}
