/** `torwacht policy suggest`: from the events of runs to a policy that would have allowed them. */
import { failure } from '#api/error.ts';
import { errors } from '#policy/errors.ts';
import { quoted } from '#policy/problem.ts';
import { type Domain, parseDomain } from '#policy/suggest/collapse.ts';
import { identityOf, rowsOf, suggest } from '#policy/suggest.ts';
import { withErrors } from './arguments.ts';
import { readEvents } from './events-file.ts';
import type { Io } from './io.ts';

/** As commander gives them. */
export interface SuggestFlags {
  readonly project?: string;
  readonly job?: string;
  readonly collapse?: readonly string[];
}

/** Exit code 0; 2 when a file is none of events. */
export function suggestFromEvents(paths: readonly string[], flags: SuggestFlags, io: Io): number {
  return withErrors(io, () => {
    const collapse = (flags.collapse ?? []).map(domainOf);
    const rows = rowsOf(paths.flatMap((path) => readEvents(path))).filter(
      ({ project_id, job_name }) =>
        (flags.project === undefined || project_id === flags.project) &&
        (flags.job === undefined || job_name === flags.job),
    );
    io.stdout.write(suggest(rows, { ...identityOf(rows), unrecorded: 0, collapse }).text);
    return 0;
  });
}

function domainOf(text: string): Domain {
  const domain = parseDomain(text);
  if (!('message' in domain)) return domain;
  const { message, hint } = domain;
  throw failure(errors.domain, { text: quoted(text), message, hint });
}
