/** The history in tables; see migrations.ts. */
import { createHash } from 'node:crypto';
import type { Database, Row, Session, Value } from './database.ts';
import { type Flow, flowText } from './flow.ts';
import { migrate } from './migrations.ts';
import {
  type Bounds,
  type Chunk,
  FLOWS_OF_A_RUN,
  type HistoryStore,
  type JobSummary,
  type RunFlows,
  type RunQuery,
  type StoredRun,
} from './store.ts';

/** Rows of one statement. */
const AT_ONCE = 200;
/** Sources that said nothing for so long will say nothing again, ms. */
const SILENT = 7 * 86_400_000;

export class SqlStore implements HistoryStore {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** @throws TW_HISTORY_NEWER, and what the database throws */
  static async open(database: Database): Promise<SqlStore> {
    await migrate(database);
    return new SqlStore(database);
  }

  async taken(sources: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    for (const some of slices(sources)) {
      const sql = `SELECT source, seq FROM history_source WHERE source IN (${places(some.length)})`;
      for (const { source, seq } of await this.#database.query(sql, some)) {
        found.set(String(source), Number(seq));
      }
    }
    return found;
  }

  async add({ runs, sources }: Chunk, now: number): Promise<void> {
    await this.#database.transaction(async (session) => {
      for (const one of runs) await this.#addRun(session, one);
      const { greatest } = this.#database.dialect;
      for (const some of slices([...sources])) {
        const rows = some.map(([source, seq]) => [source, seq, now]);
        await session.query(
          `INSERT INTO history_source (source, seq, at) VALUES ${tuples(rows)}
           ON CONFLICT (source) DO UPDATE SET
             seq = ${greatest}(history_source.seq, excluded.seq), at = excluded.at`,
          rows.flat(),
        );
      }
    });
  }

  async #addRun(session: Session, { run, flows }: RunFlows): Promise<void> {
    const { least, greatest } = this.#database.dialect;
    const first = Math.min(...flows.map((flow) => flow.first));
    const last = Math.max(...flows.map((flow) => flow.last));
    const [row] = await session.query(
      `INSERT INTO history_run (project, job, run, namespace, pod, first, last)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (project, job, run) DO UPDATE SET
         first = ${least}(history_run.first, excluded.first),
         last = ${greatest}(history_run.last, excluded.last)
       RETURNING id, flows`,
      [run.project, run.job, run.run, run.namespace, run.pod, first, last],
    );
    const id = Number(row?.id);
    const byDigest = new Map(flows.map((flow) => [digestOf(flow), flow]));
    const known = await this.#known(session, id, [...byDigest.keys()]);
    const room = FLOWS_OF_A_RUN - Number(row?.flows);
    const fresh = [...byDigest].filter(([digest]) => !known.has(digest));
    const written = [
      ...[...byDigest].filter(([digest]) => known.has(digest)),
      ...fresh.slice(0, room),
    ];
    for (const some of slices(written)) {
      const rows = some.map(([digest, flow]) => valuesOf(id, digest, flow));
      await session.query(
        `INSERT INTO history_flow (run, digest, flow, count, first, last) VALUES ${tuples(rows)}
         ON CONFLICT (run, digest) DO UPDATE SET
           count = history_flow.count + excluded.count,
           first = ${least}(history_flow.first, excluded.first),
           last = ${greatest}(history_flow.last, excluded.last)`,
        rows.flat(),
      );
    }
    const beyond = fresh.slice(room).reduce((sum, [, { count }]) => sum + count, 0);
    const more = Math.min(fresh.length, Math.max(0, room));
    await session.query(
      'UPDATE history_run SET flows = flows + $1, beyond = beyond + $2 WHERE id = $3',
      [more, beyond, id],
    );
  }

  async #known(session: Session, id: number, digests: readonly string[]) {
    const found = new Set<string>();
    for (const some of slices(digests)) {
      const sql = `SELECT digest FROM history_flow WHERE run = $1 AND digest IN (${places(some.length, 2)})`;
      for (const { digest } of await session.query(sql, [id, ...some])) found.add(String(digest));
    }
    return found;
  }

  async runs({ project, job, limit }: RunQuery): Promise<readonly StoredRun[]> {
    const which = job === undefined ? '' : 'AND job = $3';
    const rows = await this.#database.query(
      `SELECT * FROM history_run WHERE project = $1 ${which} ORDER BY last DESC, id DESC LIMIT $2`,
      [project, limit, ...(job === undefined ? [] : [job])],
    );
    const runs: StoredRun[] = [];
    for (const row of rows) {
      const flows = await this.#database.query(
        'SELECT flow, count, first, last FROM history_flow WHERE run = $1 ORDER BY first, digest',
        [Number(row.id)],
      );
      runs.push(runFrom(row, flows.map(flowFrom)));
    }
    return runs;
  }

  async jobs(limit: number): Promise<readonly JobSummary[]> {
    const rows = await this.#database.query(
      `SELECT project, job, count(*) AS runs, max(last) AS last FROM history_run
       GROUP BY project, job ORDER BY max(last) DESC, project, job LIMIT $1`,
      [limit],
    );
    return rows.map(({ project, job, runs, last }) => ({
      ...{ project: String(project), job: String(job), runs: Number(runs), last: Number(last) },
    }));
  }

  async prune({ rows, age }: Bounds, now: number): Promise<number> {
    const before = await this.size();
    await this.#database.query('DELETE FROM history_run WHERE last < $1', [now - age]);
    await this.#database.query('DELETE FROM history_source WHERE at < $1', [now - SILENT]);
    // Runs, the latest first, up to where together they have too many.
    await this.#database.query(
      `DELETE FROM history_run WHERE id IN (
         SELECT id FROM (
           SELECT id, sum(flows) OVER (ORDER BY last DESC, id DESC) AS together FROM history_run
         ) AS counted WHERE together > $1
       )`,
      [rows],
    );
    return before - (await this.size());
  }

  async size(): Promise<number> {
    const [row] = await this.#database.query(
      'SELECT coalesce(sum(flows), 0) AS size FROM history_run',
    );
    return Number(row?.size);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

function digestOf(flow: Flow): string {
  return createHash('sha256').update(flowText(flow)).digest('base64url').slice(0, 22);
}

function valuesOf(id: number, digest: string, flow: Flow): readonly Value[] {
  return [id, digest, flowText(flow), flow.count, flow.first, flow.last];
}

function flowFrom({ flow, count, first, last }: Row): Flow {
  const key = JSON.parse(String(flow)) as Flow;
  return { ...key, count: Number(count), first: Number(first), last: Number(last) };
}

function runFrom(row: Row, flows: readonly Flow[]): StoredRun {
  const text = (name: string) => String(row[name]);
  return {
    ...{ project: text('project'), job: text('job'), run: text('run') },
    ...{ namespace: text('namespace'), pod: text('pod') },
    ...{ first: Number(row.first), last: Number(row.last), beyond: Number(row.beyond), flows },
  };
}

function slices<T>(all: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(all.length / AT_ONCE);
  return Array.from({ length: count }, (_, n) => all.slice(n * AT_ONCE, (n + 1) * AT_ONCE));
}

/** @example places(2, 3) === '$3, $4' */
function places(count: number, first = 1): string {
  return Array.from({ length: count }, (_, n) => `$${first + n}`).join(', ');
}

/** @example tuples([[1, 2], [3, 4]]) === '($1, $2), ($3, $4)' */
function tuples(rows: readonly (readonly Value[])[]): string {
  let next = 1;
  return rows
    .map((row) => {
      const text = `(${places(row.length, next)})`;
      next += row.length;
      return text;
    })
    .join(', ');
}
