/** `torwacht suggest`: asks the operator what a job did, unless files say it. */
import * as z from 'zod';
import { failure } from '#api/error.ts';
import { egressEventSchema } from '#api/event.ts';
import { quoted } from '#policy/problem.ts';
import { type Cluster, type ClusterFlags, withCluster } from '../cluster/cluster.ts';
import { readEvents } from '../policy/events-file.ts';
import { type Io, plural, printable } from '../policy/io.ts';
import { textTable } from '../table.ts';
import { askOperator } from './ask.ts';
import { errors } from './errors.ts';
import { type Past, type SuggestFlags, suggestFrom } from './suggest.ts';

export interface SuggestCommandFlags extends SuggestFlags, ClusterFlags {
  /** How many of the last ones. */
  readonly runs: string;
  readonly operatorNamespace: string;
}

const historySchema = z.object({ unrecorded: z.number(), events: z.array(egressEventSchema) });
const jobsSchema = z.object({
  jobs: z.array(
    z.object({ project: z.string(), job: z.string(), runs: z.number(), last: z.number() }),
  ),
});

/** As `suggestFrom`; 0 where it lists what is known. @throws TW_SUGGEST_*, TW_ASK_*, TW_KUBE_* */
export async function suggestCommand(
  paths: readonly string[],
  flags: SuggestCommandFlags,
  io: Io,
): Promise<number> {
  if (!/^([1-9]\d?|100)$/.test(flags.runs)) {
    throw failure(errors.number, { text: quoted(flags.runs) });
  }
  if (paths.length > 0) {
    const rows = paths.flatMap((path) => readEvents(path));
    return suggestFrom({ rows, unrecorded: 0 }, flags, io);
  }
  const { project } = flags;
  if (project === undefined) return withCluster(flags, (cluster) => listJobs(cluster, flags, io));
  const past = await withCluster(flags, (cluster) => readPast(cluster, project, flags));
  if (past.rows.length === 0) throw failure(errors.nothing, { who: whoText(flags) });
  return suggestFrom(past, flags, io);
}

async function readPast(
  cluster: Cluster,
  project: string,
  { job, runs, operatorNamespace }: SuggestCommandFlags,
): Promise<Past> {
  const query = { project, job, runs };
  const answer = await askOperator(cluster, operatorNamespace, {
    ...{ method: 'GET', path: '/v1/history', query },
  });
  const { events, unrecorded } = understood(historySchema.safeParse(answer), operatorNamespace);
  return { rows: events, unrecorded };
}

async function listJobs(
  cluster: Cluster,
  { operatorNamespace, json }: SuggestCommandFlags,
  io: Io,
): Promise<number> {
  const answer = await askOperator(cluster, operatorNamespace, {
    ...{ method: 'GET', path: '/v1/jobs', query: {} },
  });
  const { jobs } = understood(jobsSchema.safeParse(answer), operatorNamespace);
  if (json) {
    io.stdout.write(`${JSON.stringify({ jobs }, null, 2)}\n`);
    return 0;
  }
  const rows = jobs.map(({ project, job, runs, last }) => [
    ...[printable(project), printable(job) || '-', String(runs)],
    new Date(last).toISOString(),
  ]);
  io.stdout.write(textTable(['PROJECT', 'JOB', 'RUNS', 'LAST'], rows, (head) => head));
  io.stderr.write(
    `torwacht: ${plural(jobs.length, 'job')} known; name one with --project and --job\n`,
  );
  return 0;
}

/** An operator of another version may say something else. */
function understood<T>(parsed: z.ZodSafeParseResult<T>, namespace: string): T {
  if (parsed.success) return parsed.data;
  const reason = 'its answer is not of this version.';
  throw failure(errors.failed, { namespace, reason }, parsed.error);
}

function whoText({ project, job }: SuggestFlags): string {
  const of = `project ${quoted(project ?? '')}`;
  return job === undefined ? of : `${of}, job ${quoted(job)}`;
}
