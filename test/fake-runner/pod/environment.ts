/** The environment of the build container and of services; the helper has none. */
import { type Job, projectPath, type Runner } from '../job.ts';
import { featureFlags } from './feature-flags.ts';

export interface EnvVar {
  readonly name: string;
  readonly value: string;
}

export function projectDir(job: Job, runner: Runner): string {
  return `${runner.buildsDir}/${projectPath(job)}`;
}

/** Values stand as they are: Kubernetes itself expands `$(NAME)` in them. */
export function environment(job: Job, runner: Runner): EnvVar[] {
  const folder = projectDir(job, runner);
  const pairs: [string, string][] = [
    // The defaults, whatever is on: what the configuration switches is not told to the job.
    ...Object.entries(featureFlags).map(([flag, on]): [string, string] => [flag, String(on)]),
    ['CI_JOB_IMAGE', job.image],
    ['CI_RUNNER_SHORT_TOKEN', runner.shortToken],
    ['CI_BUILDS_DIR', runner.buildsDir],
    ['CI_PROJECT_DIR', folder],
    ['CI_CONCURRENT_ID', String(runner.concurrentId)],
    ['CI_CONCURRENT_PROJECT_ID', String(runner.concurrentProjectId)],
    ['CI_SERVER', 'yes'],
    ['CI_JOB_STATUS', 'running'],
    ['CI_JOB_TIMEOUT', String(job.timeout)],
    ...job.variables
      .filter((variable) => variable.public)
      .map(({ key, value }): [string, string] => [key, value]),
    ['CI_DISPOSABLE_ENVIRONMENT', 'true'],
    ['CI_RUNNER_VERSION', runner.version],
    ['CI_RUNNER_REVISION', runner.revision],
    ['CI_RUNNER_EXECUTABLE_ARCH', 'linux/amd64'],
    ['RUNNER_TEMP_PROJECT_DIR', `${folder}.tmp`],
  ];
  return pairs.map(([name, value]) => ({ name, value }));
}
