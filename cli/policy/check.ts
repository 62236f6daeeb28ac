/** `torwacht policy check`: are these policies sound, and if not, where and what to do. */

import { loadPolicies } from '#agent/bundle/load.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import { exitCodes } from '#api/error.ts';
import { compile } from '#policy/compile.ts';
import { namedIdentities } from '#policy/identities.ts';
import type { Loaded } from '#policy/load.ts';
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
    for (const identity of namedIdentities(loaded.documents)) {
      compile(loaded.documents, identity, { trustIdentity: true });
    }
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
  const clusterCount = count('ClusterEgressPolicy');
  const cluster =
    clusterCount === 0
      ? ''
      : `${plural(clusterCount, 'ClusterEgressPolicy', 'ClusterEgressPolicies')}, `;
  const bindings = plural(count('RunnerBinding'), 'RunnerBinding');
  const where = plural(files.length, 'file');
  io.stdout.write(
    `${styled(io, 'green', 'ok')}: ${cluster}${policies} and ${bindings} in ${where}\n`,
  );
}
