/** One job from its pod's creation to its removal, told as the real runner tells it. */
import type { Job, Runner } from '../job.ts';
import { isOn } from '../pod/feature-flags.ts';
import { jobPod, type Pod } from '../pod/pod.ts';
import { type Attached, JobTimeout, type Reading, runStage } from './attached.ts';
import { type Cluster, type Place, Refused } from './cluster.ts';
import { createLog, goDuration, type JobLog } from './log.ts';
import { type Stage, stages } from './stages.ts';
import { type Sleep, SystemFailure, waitForPod } from './wait.ts';

export interface World {
  readonly cluster: Cluster;
  write(text: string): void;
  /** Seconds since 1970. */
  now(): number;
  sleep: Sleep;
  /** Eight of `a-z0-9`. */
  suffix(): string;
  /** The pod stays when the job has ended. */
  readonly keep: boolean;
}

export interface Ended {
  readonly result: 'success' | 'script-failure' | 'system-failure';
  /** Null where none could be made. */
  readonly pod: Place | null;
}

const ADVANCED = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';
const BETA =
  'Advanced Pod Spec configuration enabled, merging the provided PodSpec to the generated one. ' +
  'This is a beta feature and is subject to change. Feedback is collected in this issue: ' +
  'https://gitlab.com/gitlab-org/gitlab-runner/-/issues/29659 ...';
const PROFILES = 'https://docs.gitlab.com/runner/shells/index.html#shell-profile-loading';

/** Never throws for what may happen to a job. @throws Error for a job or a runner that is not imitated */
export async function runJob(job: Job, runner: Runner, world: World): Promise<Ended> {
  const planned = stages(job, runner);
  const pod = jobPod(job, runner, world.suffix());
  if (isOn('FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY', job, runner)) {
    throw new Error('Of the legacy execution strategy this fake runner makes only the pod.');
  }
  const log = createLog(world.write, world.now);
  const place = { namespace: pod.metadata.namespace, pod: pod.metadata.name };
  const reading: Reading = { offset: 0 };
  const run: Attached = { ...world, log, place, job };
  introduce(log, runner);
  let created = false;
  const failed = async (reason: string, result: Ended['result']): Promise<Ended> => {
    if (created) await tellWarnings(world.cluster, place, log);
    log.failed(reason);
    return { result, pod: created ? place : null };
  };
  try {
    await prepareExecutor(log, job, pod);
    const [prepare, ...others] = planned as [Stage, ...Stage[]];
    await log
      .section(prepare.name, prepare.title, async () => {
        if (isOn('FF_USE_POD_ACTIVE_DEADLINE_SECONDS', job, runner)) {
          const deadline = goDuration(job.timeout);
          log.info(
            `Using FF_USE_POD_ACTIVE_DEADLINE_SECONDS, the Pod activeDeadlineSeconds will be set to the job timeout: ${deadline}...`,
          );
        }
        if (isOn(ADVANCED, job, runner) && runner.podSpecs.length > 0) log.warning(BETA);
        await setUp(world.cluster, pod);
        created = true;
        await waitForPod(world.cluster, place, log, runner, world.sleep);
        const code = await runStage(run, prepare, reading);
        if (code !== 0) throw new SystemFailure(`exit status ${code}`);
      })
      .catch(inPreparation);
    const code = await runOthers(run, others, reading);
    if (code !== 0) {
      return await failed(`: command terminated with exit code ${code}\n`, 'script-failure');
    }
    log.succeeded();
    return { result: 'success', pod: place };
  } catch (error) {
    if (error instanceof JobTimeout) {
      const limit = goDuration(job.timeout);
      return await failed(`: execution took longer than ${limit} seconds`, 'script-failure');
    }
    if (!(error instanceof SystemFailure)) throw error;
    return await failed(` (system failure): ${error.message}`, 'system-failure');
  } finally {
    if (created && !world.keep) await world.cluster.delete(place);
  }
}

function introduce(log: JobLog, runner: Runner): void {
  log.info(`Running with gitlab-runner ${runner.version} (${runner.revision})`);
  log.info(`  on ${runner.name} ${runner.shortToken}, system ID: ${runner.systemId}`);
  const flags = Object.entries(runner.featureFlags).map(([flag, on]) => `${flag}:${on}`);
  if (flags.length > 0) log.info(`  feature flags: ${flags.join(', ')}`);
}

function prepareExecutor(log: JobLog, job: Job, pod: Pod): Promise<void> {
  return log.section('prepare_executor', 'Preparing the "kubernetes" executor', async () => {
    log.info(`Using Kubernetes namespace: ${pod.metadata.namespace}`);
    log.info(`Using Kubernetes executor with image ${job.image} ...`);
    log.info('Using attach strategy to execute scripts...');
  });
}

async function setUp(cluster: Cluster, pod: Pod): Promise<void> {
  try {
    await cluster.create(pod);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new SystemFailure(`setting up build pod: ${error.message}`);
  }
}

function inPreparation(error: unknown): never {
  if (!(error instanceof SystemFailure)) throw error;
  throw new SystemFailure(
    `prepare environment: ${error.message}. Check ${PROFILES} for more information`,
  );
}

/** The script's failure skips what would follow it, but for the last stage, which cleans up. */
async function runOthers(
  run: Attached,
  others: readonly Stage[],
  reading: Reading,
): Promise<number> {
  let failed = 0;
  for (const [index, stage] of others.entries()) {
    if (failed !== 0 && index < others.length - 1) continue;
    const code = await run.log.section(stage.name, stage.title, () =>
      runStage(run, stage, reading),
    );
    failed = failed === 0 ? code : failed;
  }
  return failed;
}

async function tellWarnings(cluster: Cluster, place: Place, log: JobLog): Promise<void> {
  // The real runner, too, only says less where it may not list events.
  const messages = await cluster.warnings(place).catch(() => []);
  for (const message of messages) log.warning(`Event retrieved from the cluster: ${message}`);
}
