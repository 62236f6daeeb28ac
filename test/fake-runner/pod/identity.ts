/**
 * Name, labels and annotations of a job's pod. Which of them a job's author can change is what a policy may
 * select by: values from variables (namespace, root namespace) are the author's, the project's id is not.
 */
import { type Job, jobUrl, type Runner, variableOf } from '../job.ts';
import { expand, overwritten } from './overwrites.ts';

const MAX_LABEL = 63;

/** What a label may not hold becomes `_`, so that different values can become the same. */
export function labelValue(value: string): string {
  return value.slice(0, MAX_LABEL).replaceAll(/[^A-Za-z0-9_.-]/g, '_');
}

/** `runner-<short token>-project-<id>-concurrent-<n>` */
export function podBaseName(job: Job, runner: Runner): string {
  const name = `runner-${runner.shortToken}-project-${job.projectId}-concurrent-${runner.concurrentId}`;
  return name.toLowerCase();
}

/** @param suffix eight of `a-z0-9`, new for each pod */
export function podName(job: Job, runner: Runner, suffix: string): string {
  return `${podBaseName(job, runner).slice(0, MAX_LABEL - suffix.length - 1)}-${suffix}`;
}

/** Configuration and job cannot set these; that they tried is not told. */
const RESERVED = /(^|.*\.)runner\.gitlab\.com(\/.*|$)/;

export function podLabels(job: Job, runner: Runner): Record<string, string> {
  const base = podBaseName(job, runner);
  const own = overwritten(job, 'KUBERNETES_POD_LABELS', runner.overwriteAllowed.podLabels);
  const configured = Object.entries({ ...runner.podLabels, ...own })
    .filter(([key]) => !RESERVED.test(key))
    .map(([key, value]) => [key, labelValue(expand(value, job))]);
  return {
    pod: labelValue(base),
    'job.runner.gitlab.com/pod': labelValue(base),
    'project.runner.gitlab.com/id': String(job.projectId),
    'project.runner.gitlab.com/name': labelValue(job.projectName),
    'project.runner.gitlab.com/namespace-id': labelValue(
      variableOf(job, 'CI_PROJECT_NAMESPACE_ID'),
    ),
    'project.runner.gitlab.com/namespace': labelValue(variableOf(job, 'CI_PROJECT_NAMESPACE')),
    'project.runner.gitlab.com/root-namespace': labelValue(
      variableOf(job, 'CI_PROJECT_ROOT_NAMESPACE'),
    ),
    'manager.runner.gitlab.com/name': labelValue(runner.name),
    'manager.runner.gitlab.com/id-short': labelValue(runner.shortToken),
    ...Object.fromEntries(configured),
  };
}

/** Unlike labels these have no reserved names: where overwriting is allowed, a job can set any of them. */
export function podAnnotations(job: Job, runner: Runner): Record<string, string> {
  const own = overwritten(
    job,
    'KUBERNETES_POD_ANNOTATIONS',
    runner.overwriteAllowed.podAnnotations,
  );
  const configured = Object.entries({ ...runner.podAnnotations, ...own }).map(([key, value]) => [
    key,
    expand(value, job),
  ]);
  return {
    'job.runner.gitlab.com/id': String(job.id),
    'job.runner.gitlab.com/url': jobUrl(job),
    'job.runner.gitlab.com/sha': job.sha,
    'job.runner.gitlab.com/before_sha': job.beforeSha,
    'job.runner.gitlab.com/ref': job.ref,
    'job.runner.gitlab.com/name': job.name,
    'project.runner.gitlab.com/id': String(job.projectId),
    ...Object.fromEntries(configured),
  };
}
