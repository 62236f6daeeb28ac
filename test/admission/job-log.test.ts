/** What the author of a job reads in its log, by the fake runner and a real API server that asks the webhook. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { podWebhooks } from '#webhook/manifests/webhooks.ts';
import { KUBECTL } from '../cluster/kubectl.ts';
import { waitFor } from '../cluster/wait.ts';
import type { Job, Runner } from '../fake-runner/job.ts';
import { recordedJob, recordedRunner } from '../fake-runner/pod/testing.ts';
import { kubectlCluster } from '../fake-runner/run/kubectl.ts';
import { runJob } from '../fake-runner/run/run.ts';
import { useGround } from './ground.ts';
import { calledAt, startReplica } from './replica.ts';
import { unpatchedJob } from './table/pods.ts';

const { api } = await useGround({ after }, []);
await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'torwacht' } });
const replica = await startReplica(api, { after });
await api.apply(calledAt(replica.port, podWebhooks));
const runner = await api.serviceAccount('plain', 'gitlab-runner');
const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  KUBECONFIG: api.kubeconfigFor(runner),
};
await waitFor('it is asked', async () => {
  const path = '/api/v1/namespaces/plain/pods?dryRun=All';
  return (await api.request({ method: 'POST', path, body: unpatchedJob })).status === 403;
});

async function logOf(job: Job, how: Runner): Promise<string> {
  let log = '';
  const { result } = await runJob(job, how, {
    cluster: kubectlCluster({ program: KUBECTL, environment }),
    write: (text) => {
      log += text;
    },
    now: () => 0,
    sleep: (seconds) => sleep(seconds * 10),
    suffix: () => 'x7k2p9qa',
    keep: false,
  });
  assert.equal(result, 'system-failure');
  return log;
}

const plain: Runner = { ...recordedRunner, namespace: 'plain', podSpecs: [] };

test('a job without the barrier: which rule, why, and that nothing in .gitlab-ci.yml mends it', async () => {
  const log = await logOf(recordedJob, plain);
  const [line = ''] = /^.*ERROR: Job failed.*$/m.exec(log) ?? [];
  const denied =
    'ERROR: Job failed (system failure): prepare environment: setting up build pod: ' +
    'admission webhook "pods.torwacht.io" denied the request: Torwacht refuses this pod: ' +
    'it has no init container "torwacht-barrier", which lets a job start only once its network is held ' +
    '[TW_ADMIT_BARRIER_MISSING]; container "init-permissions" runs without the container runtime\'s ' +
    'seccomp profile [TW_ADMIT_SECCOMP]. Nothing in .gitlab-ci.yml mends this: the team that runs the runners ' +
    "puts the barrier into the runner's pod_spec patch (docs/barrier.md)";
  assert.ok(line.includes(denied), line);
});

test('a job that leads its pod elsewhere: the variable to take away', async () => {
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'free' } });
  await api.serviceAccount('free', 'default');
  const job: Job = {
    ...recordedJob,
    variables: [
      ...recordedJob.variables,
      { key: 'KUBERNETES_NAMESPACE_OVERWRITE', value: 'free', public: true },
    ],
  };
  const overwriteAllowed = { ...plain.overwriteAllowed, namespace: '.*' };
  const log = await logOf(job, { ...plain, overwriteAllowed });
  assert.match(
    log,
    /"outside\.torwacht\.io" denied the request: .*Take KUBERNETES_NAMESPACE_OVERWRITE out of/,
  );
});
