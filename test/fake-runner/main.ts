/** `node test/fake-runner/main.ts --help`: runs one job in a cluster as GitLab Runner would. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Job, type PodSpecPatch, plainRunner, type Runner, type Service } from './job.ts';
import { jobPod } from './pod/pod.ts';
import { kubectlCluster } from './run/kubectl.ts';
import { type Ended, runJob } from './run/run.ts';

const exits: Record<Ended['result'], number> = {
  success: 0,
  'script-failure': 1,
  'system-failure': 3,
};
const USAGE = 2;
const ADVANCED = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';

interface Options {
  readonly image: string;
  readonly script: readonly string[];
  readonly service: readonly Service[];
  readonly variable: readonly (readonly [string, string])[];
  readonly barrier?: string;
  readonly podSpec: readonly PodSpecPatch[];
  readonly helperImage?: string;
  readonly pullPolicy: Runner['pullPolicy'];
  readonly namespace: string;
  readonly projectId: number;
  readonly project: string;
  readonly jobId: number;
  readonly job: string;
  readonly ref: string;
  readonly timeout: number;
  readonly pollInterval: number;
  readonly pollTimeout: number;
  readonly kubectl: string;
  readonly printPod?: true;
  readonly keep?: true;
}

function number(text: string): number {
  if (!/^\d{1,9}(\.\d+)?$/.test(text) || Number(text) <= 0) {
    throw new InvalidArgumentError('It is no number above 0.');
  }
  return Number(text);
}

function whole(text: string): number {
  if (!Number.isInteger(number(text))) throw new InvalidArgumentError('It is no whole number.');
  return Number(text);
}

const append =
  <T>(read: (text: string) => T) =>
  (text: string, before: readonly T[]): readonly T[] => [...before, read(text)];

function service(text: string): Service {
  const [image = '', alias] = text.split(/=(.*)/s);
  return alias === undefined ? { image } : { image, alias };
}

function assignment(text: string): readonly [string, string] {
  const [key = '', value] = text.split(/=(.*)/s);
  if (value === undefined) throw new InvalidArgumentError('Write NAME=VALUE.');
  return [key, value];
}

function patchFile(path: string): PodSpecPatch {
  return { name: path, type: 'strategic', patch: readFileSync(path, 'utf8') };
}

/** The barrier as docs/barrier.md has it, for this runner's pull policy. */
function barrierPatch(image: string, pullPolicy: string): PodSpecPatch {
  const container = {
    name: 'torwacht-barrier',
    image,
    ...(pullPolicy === '' ? {} : { imagePullPolicy: pullPolicy }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
  return {
    name: 'torwacht-barrier',
    type: 'strategic',
    patch: JSON.stringify({ initContainers: [container] }),
  };
}

function jobOf(options: Options): Job {
  const namespace = options.project.split('/').slice(0, -1).join('/');
  const given = [
    ['GIT_STRATEGY', 'none'],
    ['CI_JOB_ID', String(options.jobId)],
    ['CI_JOB_NAME', options.job],
    ['CI_PROJECT_ID', String(options.projectId)],
    ['CI_PROJECT_PATH', options.project],
    ['CI_PROJECT_NAMESPACE', namespace],
    ['CI_PROJECT_ROOT_NAMESPACE', options.project.split('/')[0] ?? ''],
    ['CI_COMMIT_REF_NAME', options.ref],
    ...options.variable,
  ] as const;
  return {
    id: options.jobId,
    name: options.job,
    ref: options.ref,
    sha: '0'.repeat(40),
    beforeSha: '0'.repeat(40),
    projectId: options.projectId,
    projectName: options.project.split('/').at(-1) ?? '',
    repoUrl: `http://gitlab.example.com/${options.project}.git`,
    image: options.image,
    services: options.service,
    variables: given.map(([key, value]) => ({ key, value, public: true })),
    script: options.script,
    timeout: options.timeout,
  };
}

function runnerOf(options: Options): Runner {
  const barrier =
    options.barrier === undefined ? [] : [barrierPatch(options.barrier, options.pullPolicy)];
  // A later patch's new containers go before an earlier one's: the barrier's comes last.
  const podSpecs = [...options.podSpec, ...barrier];
  return {
    ...plainRunner,
    namespace: options.namespace,
    helperImage: options.helperImage ?? options.image,
    pullPolicy: options.pullPolicy,
    featureFlags: podSpecs.length > 0 ? { [ADVANCED]: true } : {},
    podSpecs,
    pollInterval: options.pollInterval,
    pollTimeout: options.pollTimeout,
  };
}

function suffix(): string {
  return Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('');
}

async function main(options: Options): Promise<number> {
  const job = jobOf(options);
  const runner = runnerOf(options);
  if (options.printPod) {
    process.stdout.write(`${JSON.stringify(jobPod(job, runner, suffix()), null, 2)}\n`);
    return 0;
  }
  const { result } = await runJob(job, runner, {
    cluster: kubectlCluster({ program: options.kubectl, environment: process.env }),
    write: (text) => void process.stdout.write(text),
    now: () => Math.floor(Date.now() / 1000),
    sleep: (seconds) => sleep(seconds * 1000),
    suffix,
    keep: options.keep === true,
  });
  return exits[result];
}

const policies = ['Never', 'IfNotPresent', 'Always'];
const command = new Command('node test/fake-runner/main.ts')
  .description(
    'Runs one job in the cluster that KUBECONFIG names, with the pod and the log of GitLab Runner 17.9.\n' +
      'Exit codes: 0 the job succeeded, 1 its script failed, 2 usage, 3 system failure (a barrier that fails is one).',
  )
  .requiredOption('--image <image>', 'of the build container')
  .option(
    '--script <command>',
    'a command of the script; give it as often as you like',
    append(String),
    [],
  )
  .option('--service <image[=alias]>', 'a service container', append(service), [])
  .option('--variable <NAME=VALUE>', 'a variable of the job', append(assignment), [])
  .option('--barrier <image>', 'put the barrier before the job by a pod_spec patch')
  .option('--pod-spec <file>', 'a strategic pod_spec patch, YAML or JSON', append(patchFile), [])
  .option('--helper-image <image>', 'of the helper; the build image when omitted')
  .addOption(new Option('--pull-policy <policy>').choices(policies).default('', 'the cluster’s'))
  .option('--namespace <name>', 'where the pod is made', 'default')
  .option('--project-id <id>', 'id of the project', whole, 42)
  .option('--project <path>', 'path of the project', 'group/project')
  .option('--job-id <id>', 'id of the job', whole, 1)
  .option('--job <name>', 'name of the job', 'job')
  .option('--ref <ref>', 'branch or tag', 'main')
  .option('--timeout <seconds>', 'of the job', whole, 3600)
  .option(
    '--poll-interval <seconds>',
    'between two looks at the pod',
    number,
    plainRunner.pollInterval,
  )
  .option('--poll-timeout <seconds>', 'until the pod must run', number, plainRunner.pollTimeout)
  .option('--kubectl <path>', 'program to reach the cluster with', 'kubectl')
  .option('--print-pod', 'print the pod as JSON and end')
  .option('--keep', 'leave the pod when the job has ended')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE));

try {
  process.exitCode = await main(command.parse().opts<Options>());
} catch (error) {
  process.stderr.write(`fake-runner: ${(error as Error).message}\n`);
  process.exitCode = USAGE;
}
