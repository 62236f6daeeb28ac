/** Which pods are governed, and who they are: the bundle's bindings and a sandbox's own words, weighed. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { compile } from '#policy/compile.ts';
import { governs } from '#policy/select.ts';
import type { CompiledPolicy, Identity } from '#policy/types.ts';
import type { Sandbox } from '../watch/watcher.ts';

/** What GitLab Runner writes on its pods (executors/kubernetes, since 17.9 and 15.9). */
const PROJECT_LABEL = 'project.runner.gitlab.com/id';
const JOB_ANNOTATION = 'job.runner.gitlab.com/name';

export interface Governed {
  readonly identity: Identity;
  readonly policy: CompiledPolicy;
}

/** Policies of one bundle by their digest: pods of one kind share one, with what is derived from it. */
const policies = new WeakMap<readonly TorwachtDocument[], Map<string, CompiledPolicy>>();

/**
 * Null when no binding governs the pod. The runner protects its labels from jobs, its annotations it does
 * not: those count where every binding says that they cannot be overwritten.
 */
export function governed(
  documents: readonly TorwachtDocument[],
  sandbox: Pick<Sandbox, 'namespace' | 'labels' | 'annotations'>,
): Governed | null {
  const { namespace, labels, annotations } = sandbox;
  const known: Identity = { namespace, labels, ...optional('project', labels[PROJECT_LABEL]) };
  const bindings = documents.filter(
    (document): document is RunnerBinding =>
      document.kind === 'RunnerBinding' && governs(document, known),
  );
  if (bindings.length === 0) return null;
  const trusted = bindings.every(({ spec }) => spec.trust?.annotations === true);
  const job = trusted ? annotations[JOB_ANNOTATION] : undefined;
  const identity: Identity = { ...known, ...optional('job', job) };
  return { identity, policy: shared(documents, compile(documents, identity)) };
}

function shared(documents: readonly TorwachtDocument[], policy: CompiledPolicy): CompiledPolicy {
  const known = policies.get(documents) ?? new Map<string, CompiledPolicy>();
  policies.set(documents, known);
  const before = known.get(policy.digest);
  if (before === undefined) known.set(policy.digest, policy);
  return before ?? policy;
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}
