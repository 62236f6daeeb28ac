/** `torwacht policy check`: are these policies sound, and if not, where and what to do. */

import { loadPolicies } from '#agent/bundle/load.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import { exitCodes } from '#api/error.ts';
import { compile } from '#policy/compile.ts';
import type { Loaded } from '#policy/load.ts';
import { namespaceOf } from '#policy/title.ts';
import type { Identity } from '#policy/types.ts';
import { parseArguments, withErrors } from './arguments.ts';
import { type Io, plural, styled } from './io.ts';
import { printProblems } from './problems.ts';

const USAGE = 'torwacht policy check FILE|DIR... [--json]';

/**
 * Exit code 0 when everything is sound, 3 when a document is not, 2 when the arguments are wrong or a
 * path cannot be read.
 */
export function checkPolicies(args: readonly string[], io: Io): number {
  const parsed = parseArguments(args, USAGE, io);
  if (parsed === null) return exitCodes.usage;
  if (parsed.names.length === 0) {
    io.stderr.write(`Name at least one file or folder.\nUsage: ${USAGE}\n`);
    return exitCodes.usage;
  }
  return withErrors(io, () => {
    const loaded = loadPolicies(...parsed.names);
    if (parsed.json) io.stdout.write(`${JSON.stringify(asJson(loaded), null, 2)}\n`);
    else if (loaded.problems.length > 0) printProblems(loaded, io, io.stdout);
    if (loaded.problems.length > 0) return exitCodes.policy;
    for (const identity of namedIdentities(loaded.documents))
      compileFor(loaded.documents, identity);
    if (!parsed.json) printSummary(loaded, io);
    return 0;
  });
}

function asJson({ documents, problems, files }: Loaded) {
  return { valid: problems.length === 0, files, documents: documents.length, problems };
}

function printSummary({ documents, files }: Loaded, io: Io): void {
  const count = (kind: TorwachtDocument['kind']) =>
    documents.filter((document) => document.kind === kind).length;
  const policies = plural(count('EgressPolicy'), 'EgressPolicy', 'EgressPolicies');
  const bindings = plural(count('RunnerBinding'), 'RunnerBinding');
  const where = plural(files.length, 'file');
  io.stdout.write(`${styled(io, 'green', 'ok')}: ${policies} and ${bindings} in ${where}\n`);
}

/** Combinations that are compiled for the check; the documents name more only by accident. */
const MAX_IDENTITIES = 64;

/** One target for each combination that a selector names, to find rules that do not go together. */
function namedIdentities(documents: readonly TorwachtDocument[]): readonly Identity[] {
  const identities = new Map<string, Identity>();
  for (const document of documents) {
    if (document.kind !== 'EgressPolicy') continue;
    const project = document.spec.selector?.projects?.[0];
    const job = document.spec.selector?.jobs?.[0]?.replaceAll('*', '');
    const identity: Identity = {
      namespace: namespaceOf(document),
      ...(project === undefined ? {} : { project }),
      ...(job === undefined ? {} : { job }),
    };
    identities.set(JSON.stringify(identity), identity);
  }
  return [...identities.values()].slice(0, MAX_IDENTITIES);
}

function compileFor(documents: readonly TorwachtDocument[], identity: Identity): void {
  compile(documents, identity, { trustIdentity: true });
}
