/** The RunnerBinding that a runner is for: from a file or folder, or from a cluster. */
import { loadPolicies } from '#agent/bundle/load.ts';
import { failure } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { listProblems } from '#policy/problem.ts';
import { documentTitle } from '#policy/title.ts';
import { isAbout } from '#webhook/check/decide.ts';
import { type ClusterFlags, withCluster } from '../cluster/cluster.ts';
import { readLive } from '../cluster/live.ts';
import { plural, printable } from '../policy/io.ts';
import { errors } from './errors.ts';

/** As commander gives them. */
export interface BindingFlags extends ClusterFlags {
  /** File or folder. */
  readonly binding?: string;
  readonly name?: string;
}

/** @throws TW_RUNNER_*, TW_POLICY_*; TW_KUBE_* where no file is named */
export async function findBinding(flags: BindingFlags): Promise<RunnerBinding> {
  if (flags.binding === undefined) return await fromCluster(flags);
  return only(fromFiles(flags.binding), flags, flags.binding);
}

function fromFiles(path: string): readonly RunnerBinding[] {
  const { documents, problems } = loadPolicies(path);
  if (problems.length > 0) {
    throw failure(errors.document, { path, list: listProblems(problems, printable) });
  }
  return documents.filter((document) => document.kind === 'RunnerBinding');
}

/** Those that govern the namespace, wherever they stand. */
async function fromCluster(flags: BindingFlags): Promise<RunnerBinding> {
  const { namespace, live } = await withCluster(flags, async (cluster) => ({
    namespace: cluster.namespace,
    live: await readLive(cluster, cluster.namespace),
  }));
  const sound = live.documents.filter((document) => document.kind === 'RunnerBinding');
  return only(sound, { ...flags, namespace }, `namespace ${namespace}`);
}

function only(
  found: readonly RunnerBinding[],
  { name, namespace }: BindingFlags,
  where: string,
): RunnerBinding {
  const fitting = found.filter(
    (binding) =>
      (name === undefined || binding.metadata.name === name) &&
      (namespace === undefined || isAbout(binding, namespace)),
  );
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) return first;
  throw failure(errors.whichBinding, {
    count:
      fitting.length === 0 ? 'No such RunnerBinding is' : plural(fitting.length, 'RunnerBinding'),
    where,
    known: found.map(documentTitle).join(', ') || 'none',
  });
}
