/** Which pods are governed, and who they are: the bundle's bindings and a sandbox's own words, weighed. */
import type { TorwachtDocument } from '#api/documents.ts';
import { type RunnerBinding, runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { compile } from '#policy/compile.ts';
import { isJobUrl } from '#policy/job-url.ts';
import { governs, modeOf, selects } from '#policy/select.ts';
import type { CompiledPolicy, Identity, Mode } from '#policy/types.ts';
import type { Sandbox } from '../watch/watcher.ts';

/** What GitLab Runner writes on its pods (executors/kubernetes, since 17.9 and 15.9). */
export const PROJECT_LABEL = 'project.runner.gitlab.com/id';
export const JOB_ANNOTATION = 'job.runner.gitlab.com/name';
const URL_ANNOTATION = 'job.runner.gitlab.com/url';

export interface Governed {
  readonly identity: Identity;
  readonly policy: CompiledPolicy;
  /** Of the job's page, where its annotations count and it is on the GitLab of a binding. */
  readonly jobUrl?: string;
}

/** Policies of one bundle by what selects a pod: pods of one kind share one, with what is derived from it. */
const policies = new WeakMap<readonly TorwachtDocument[], Map<string, CompiledPolicy>>();

/** A pod that is governed: who it is, and the bindings that say so. */
export interface Known {
  readonly identity: Identity;
  readonly bindings: readonly RunnerBinding[];
  /** Does every binding say that jobs cannot overwrite annotations? */
  readonly trusted: boolean;
}

/**
 * Null when no binding governs the pod. The runner protects its labels from jobs, its annotations it does
 * not: those count where every binding says that they cannot be overwritten.
 */
export function whoIs(
  documents: readonly TorwachtDocument[],
  sandbox: Pick<Sandbox, 'namespace' | 'labels' | 'annotations'>,
): Known | null {
  const { annotations } = sandbox;
  const known = identityOf(sandbox);
  const bindings = documents.filter(
    (document): document is RunnerBinding =>
      document.kind === 'RunnerBinding' && governs(document, known),
  );
  if (bindings.length === 0) return null;
  const trusted = bindings.every(({ spec }) => spec.trust?.annotations === true);
  const job = trusted ? annotations[JOB_ANNOTATION] : undefined;
  return { identity: { ...known, ...optional('job', job) }, bindings, trusted };
}

/** What holds for a pod; null when no binding governs it. */
export function governed(
  documents: readonly TorwachtDocument[],
  sandbox: Pick<Sandbox, 'namespace' | 'labels' | 'annotations'>,
): Governed | null {
  const known = whoIs(documents, sandbox);
  if (known === null) return null;
  const { identity } = known;
  const jobUrl = jobUrlOf(known, sandbox.annotations[URL_ANNOTATION]);
  return { identity, policy: shared(documents, known), ...optional('jobUrl', jobUrl) };
}

function jobUrlOf({ bindings, trusted }: Known, url: string | undefined): string | undefined {
  if (!trusted || url === undefined) return undefined;
  const urls = bindings.flatMap(({ spec }) => spec.gitlab?.url ?? []);
  return urls.some((gitlab) => isJobUrl(gitlab, url)) ? url : undefined;
}

/** By what the runner protects from jobs. */
export function identityOf({ namespace, labels }: Pick<Sandbox, 'namespace' | 'labels'>): Identity {
  return { namespace, labels, ...optional('project', labels[PROJECT_LABEL]) };
}

/**
 * One whose binding has gone: nothing is allowed. The mode stays, so that jobs which were only observed are not
 * cut.
 */
export function released(sandbox: Pick<Sandbox, 'namespace' | 'labels'>, mode: Mode): Governed {
  const { namespace } = sandbox;
  const binding = runnerBindingSchema.parse({
    apiVersion,
    kind: 'RunnerBinding',
    metadata: { name: 'released', namespace },
    spec: { mode },
  });
  const identity = identityOf(sandbox);
  return { identity, policy: compile([binding], identity) };
}

/** Compiling many rules takes a while, and an edit does it for every pod of the node. */
function shared(documents: readonly TorwachtDocument[], known: Known): CompiledPolicy {
  const compiled = policies.get(documents) ?? new Map<string, CompiledPolicy>();
  policies.set(documents, compiled);
  const key = whatSelects(documents, known);
  const before = compiled.get(key);
  if (before !== undefined) return before;
  const policy = compile(documents, known.identity);
  const same = [...compiled.values()].find(({ digest }) => digest === policy.digest) ?? policy;
  compiled.set(key, same);
  return same;
}

/** All of an identity that the policy of its pod hangs on. */
function whatSelects(
  documents: readonly TorwachtDocument[],
  { identity, bindings }: Pick<Known, 'identity' | 'bindings'>,
): string {
  const selected = documents.map((document) => {
    const is =
      document.kind === 'RunnerBinding'
        ? bindings.includes(document)
        : selects(document.spec.selector, identity);
    return is ? '1' : '0';
  });
  return `${identity.namespace} ${modeOf(bindings, identity)} ${selected.join('')}`;
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}
