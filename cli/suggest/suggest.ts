/** `torwacht suggest`: a policy from what runs of a job did, and what it would have refused of them. */
import { loadPolicies } from '#agent/bundle/load.ts';
import { exitCodes, failure } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import { errors } from '#policy/errors.ts';
import { parsePolicies } from '#policy/load.ts';
import { quoted } from '#policy/problem.ts';
import { type Domain, parseDomain } from '#policy/suggest/collapse.ts';
import { type ReplayedRun, replay } from '#policy/suggest/replay.ts';
import { identityOf, rowsOf, suggest } from '#policy/suggest.ts';
import type { Io } from '../policy/io.ts';
import { printProblems } from '../policy/problems.ts';
import { printReplay } from './replay-text.ts';

/** As commander gives them. */
export interface SuggestFlags {
  readonly project?: string;
  readonly job?: string;
  readonly collapse?: readonly string[];
  readonly withoutRefused?: boolean;
  /** True: what is suggested. A path: the policy there. */
  readonly replay?: string | true;
  readonly json?: boolean;
}

/** What is known of past runs. */
export interface Past {
  readonly rows: readonly EgressEvent[];
  /** Attempts that no row stands for. */
  readonly unrecorded: number;
}

/** Exit status of `--replay PATH` where the policy would have refused what passed. */
const MISSED = 1;

/** 0; 1 where `--replay PATH` finds that the policy would have refused what passed; 3 where that is not sound. */
export function suggestFrom({ rows: all, unrecorded }: Past, flags: SuggestFlags, io: Io): number {
  const rows = rowsOf(all).filter((row) => isAsked(row, flags));
  const { project, job } = identityOf(rows);
  if (typeof flags.replay === 'string') return replayed(flags.replay, rows, flags, io);
  const known = flags.withoutRefused ? rows.filter(({ action }) => action !== 'block') : rows;
  const collapse = (flags.collapse ?? []).map(domainOf);
  const { text, ...counts } = suggest(known, { project, job, unrecorded, collapse });
  const runs = flags.replay ? replay(documentsOf(text), { project, job }, rows) : undefined;
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ policy: text, ...counts, unrecorded, runs }, null, 2)}\n`);
  } else {
    io.stdout.write(text);
    if (runs !== undefined) printReplay(runs, io, io.stderr);
  }
  return 0;
}

function replayed(path: string, rows: readonly EgressEvent[], flags: SuggestFlags, io: Io): number {
  const loaded = loadPolicies(path);
  if (loaded.problems.length > 0) {
    printProblems(loaded, io, io.stderr);
    return exitCodes.policy;
  }
  const runs = replay(loaded.documents, identityOf(rows), rows);
  if (flags.json) io.stdout.write(`${JSON.stringify({ runs }, null, 2)}\n`);
  else printReplay(runs, io, io.stdout);
  return runs.some(misses) ? MISSED : 0;
}

function misses({ refused }: ReplayedRun): boolean {
  return refused.some(({ passed }) => passed);
}

function isAsked({ project_id, job_name }: EgressEvent, { project, job }: SuggestFlags): boolean {
  return (
    (project === undefined || project_id === project) && (job === undefined || job_name === job)
  );
}

/** Our own text, read as everybody's is. */
function documentsOf(text: string) {
  const { documents, problems } = parsePolicies([
    { file: 'suggested.yaml', content: Buffer.from(text) },
  ]);
  if (problems.length > 0) throw new Error(`a suggestion is not sound: ${problems[0]?.message}`);
  return documents;
}

function domainOf(text: string): Domain {
  const domain = parseDomain(text);
  if (!('message' in domain)) return domain;
  const { message, hint } = domain;
  throw failure(errors.domain, { text: quoted(text), message, hint });
}
