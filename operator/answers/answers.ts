/** What people ask of the operator: the history of a job, and a test of alert routes. Pure but for whom it asks. */
import type { EgressEvent } from '#api/event.ts';
import type { Answer } from '#delivery/answer.ts';
import type { Alerts } from '../alerts/alerts.ts';
import type { HistoryStore, StoredRun } from '../history/store.ts';

export interface Asked {
  readonly method: string;
  readonly url: URL;
}

export interface AnswersParts {
  readonly alerts: Pick<Alerts, 'test'>;
  readonly history: Pick<HistoryStore, 'runs' | 'jobs'> | undefined;
  /** Alone the replica that leads knows all of it. */
  leads(): boolean;
}

export interface Said {
  readonly status: number;
  readonly body: object;
}

/** Runs of one answer, and flows of all of them: what is older is left out. */
const RUNS = 100;
const FLOWS = 20_000;
const JOBS = 1000;

export async function answer({ method, url }: Asked, parts: AnswersParts): Promise<Said> {
  const tell = answers[`${method} ${url.pathname}`];
  if (tell === undefined) return refuse(404, 'NotFound', `there is no ${method} ${url.pathname}`);
  if (!parts.leads()) {
    return refuse(503, 'ServiceUnavailable', 'this replica does not lead: ask again');
  }
  return tell(url.searchParams, parts);
}

type Teller = (query: URLSearchParams, parts: AnswersParts) => Promise<Said>;

const answers: Readonly<Record<string, Teller>> = {
  'GET /v1/history': tellHistory,
  'GET /v1/jobs': tellJobs,
  'POST /v1/alerts/test': tellTest,
};

async function tellHistory(query: URLSearchParams, { history }: AnswersParts): Promise<Said> {
  if (history === undefined) return noHistory();
  const project = query.get('project');
  if (project === null) return refuse(400, 'BadRequest', 'name a project');
  const limit = Number(query.get('runs') ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > RUNS) {
    return refuse(400, 'BadRequest', `runs is a number from 1 to ${RUNS}`);
  }
  const found = await history.runs({ project, job: query.get('job') ?? undefined, limit });
  const runs: StoredRun[] = [];
  let flows = 0;
  for (const run of found) {
    flows += run.flows.length;
    if (flows > FLOWS && runs.length > 0) break;
    runs.push(run);
  }
  return {
    status: 200,
    body: {
      version: 1,
      runs: runs.length,
      unrecorded: runs.reduce((sum, { beyond }) => sum + beyond, 0),
      events: runs.flatMap(eventsOf),
    },
  };
}

async function tellJobs(_: URLSearchParams, { history }: AnswersParts): Promise<Said> {
  if (history === undefined) return noHistory();
  return { status: 200, body: { version: 1, jobs: await history.jobs(JOBS) } };
}

async function tellTest(query: URLSearchParams, { alerts }: AnswersParts): Promise<Said> {
  const binding = query.get('binding') ?? '';
  const results = await alerts.test(binding, query.get('route') ?? undefined);
  return {
    status: 200,
    body: {
      version: 1,
      results: results.map(({ kind, name, answer: of }) => ({
        receiver: kind,
        name,
        ...outcome(of),
      })),
    },
  };
}

function outcome(of: Answer): { readonly taken: boolean; readonly why: string | null } {
  return { taken: of.kind === 'taken', why: of.why ?? null };
}

/** Flows as events: what added up has no process id, and no arguments. */
function eventsOf({ flows, ...run }: StoredRun): readonly EgressEvent[] {
  return flows.map(({ ancestry, first, last, count, ...flow }) => ({
    ...{ version: 1, id: null, time: iso(first), last_seen: iso(last), target: run.run },
    ...{ namespace: run.namespace || null, pod: run.pod || null, container: null },
    ...{ project_id: run.project, job_name: run.job || null, job_url: null, pid: null },
    ...{ parent_comm: ancestry.at(-1) ?? null, argv: null, uid: null },
    ...flow,
    ...{ ancestry: ancestry.map((comm) => ({ pid: 0, comm })), count, added: null },
  }));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function noHistory(): Said {
  return refuse(404, 'NoHistory', 'the operator keeps no history: start it with --history');
}

/** As the API server says it, so that its clients read it. */
export function refuse(code: number, reason: string, message: string): Said {
  const kind = { kind: 'Status', apiVersion: 'v1', status: 'Failure' };
  return { status: code, body: { ...kind, code, reason, message } };
}
