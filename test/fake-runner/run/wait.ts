/** Waits until a job's pod runs, and says meanwhile what it waits for. */
import type { Runner } from '../job.ts';
import type { Cluster, Place, PodStatus } from './cluster.ts';
import type { JobLog } from './log.ts';

/** Something that is not the script's fault: `retry: when: runner_system_failure` tries again. */
export class SystemFailure extends Error {}

export type Sleep = (seconds: number) => Promise<void>;

/** Reasons of a waiting container that end the wait. */
const PULL_FAILURES = ['InvalidImageName', 'ErrImagePull', 'ImagePullBackOff'];
const FAILURES = ['CrashLoopBackOff', 'CreateContainerConfigError'];

/** @throws SystemFailure in the words that the real runner has for it, without `prepare environment` */
export async function waitForPod(
  cluster: Pick<Cluster, 'status'>,
  place: Place,
  log: JobLog,
  runner: Pick<Runner, 'pollInterval' | 'pollTimeout'>,
  sleep: Sleep,
): Promise<void> {
  const attempts = Math.max(1, Math.floor(runner.pollTimeout / runner.pollInterval));
  for (let attempt = 0; attempt < attempts; attempt++) {
    const status = await cluster.status(place);
    const name = `${place.namespace}/${place.pod}`;
    if (status === null) throw new SystemFailure(`pod "${name}" is deleted`);
    refuse(status, name);
    if (status.phase === 'Running') return;
    log.plain(`Waiting for pod ${name} to be running, status is ${status.phase}`);
    for (const { reason = '', message = '' } of status.conditions) {
      if (reason !== '') log.plain(`\t${reason}: "${message}"`);
    }
    await sleep(runner.pollInterval);
  }
  throw new SystemFailure('waiting for pod running: timed out waiting for pod to start');
}

function refuse({ phase, deleting, containers }: PodStatus, name: string): void {
  if (deleting) throw new SystemFailure(`pod "${name}" is being deleted`);
  if (phase === 'Failed' || phase === 'Succeeded') {
    throw new SystemFailure(`waiting for pod running: pod status is ${phase.toLowerCase()}`);
  }
  for (const { state } of containers) {
    const { reason = '', message = '' } = state?.waiting ?? {};
    if (PULL_FAILURES.includes(reason)) {
      throw new SystemFailure(`waiting for pod running: image pull failed: ${message}`);
    }
    if (FAILURES.includes(reason)) {
      throw new SystemFailure(`waiting for pod running: ${reason}: ${message}`);
    }
  }
}
