/** Pods that are not who they say, or under no binding. */
import { annotated, changed, job, labelled, own, owned } from '../pods.ts';
import type { Row } from '../row.ts';

const PROJECT = 'project.runner.gitlab.com/id';
const MISSING = 'TW_ADMIT_BARRIER_MISSING';

const EXEMPT = 'torwacht.io/exempt';
const identity: readonly Row[] = [
  {
    what: 'a job that says it is exempt',
    pod: labelled(EXEMPT, 'true'),
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  {
    what: 'somebody’s own pod that says it is exempt',
    pod: labelled(EXEMPT, 'true', own),
    by: 'stranger',
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  {
    what: 'a job that says so later',
    phase: 'update',
    before: job,
    pod: labelled(EXEMPT, 'true'),
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  {
    what: 'another project with its status',
    phase: 'update',
    through: 'status',
    by: 'admin',
    before: job,
    pod: labelled(PROJECT, '7'),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'a runner’s annotation by way of scheduling',
    phase: 'bind',
    by: 'admin',
    pod: annotated('job.runner.gitlab.com/name', 'deploy', own),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'a runner’s labels by a stranger',
    pod: job,
    by: 'stranger',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'a runner’s labels by a runner of another namespace',
    pod: job,
    by: 'foreignRunner',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'a project’s id on somebody’s own pod',
    pod: labelled(PROJECT, '7', own),
    by: 'stranger',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'a job’s name as annotation of somebody’s own pod',
    pod: annotated('job.runner.gitlab.com/name', 'deploy', own),
    by: 'admin',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'a key of the runner’s that it never wrote',
    pod: labelled('runner.gitlab.com/x', '1', own),
    by: 'stranger',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'a runner’s label on an exempt pod',
    pod: labelled(PROJECT, '7', owned('DaemonSet', 'logs', 'logs')),
    by: 'daemonset',
    code: 'TW_ADMIT_NOT_A_RUNNER',
  },
  {
    what: 'another project, later',
    phase: 'update',
    before: job,
    pod: labelled(PROJECT, '7'),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'no project any more',
    phase: 'update',
    before: job,
    pod: labelled(PROJECT, undefined),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'a project, later, for a pod that had none',
    phase: 'update',
    by: 'admin',
    before: own,
    pod: labelled(PROJECT, '7', own),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'another job’s name, later',
    phase: 'update',
    before: job,
    pod: annotated('job.runner.gitlab.com/name', 'deploy'),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'a runner’s annotation more, later',
    phase: 'update',
    before: job,
    pod: annotated('job.runner.gitlab.com/x', '1'),
    code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  },
  {
    what: 'exec by a stranger where only runners may',
    phase: 'connect',
    under: 'some',
    by: 'stranger',
    pod: job,
    code: 'TW_ADMIT_EXEC',
  },
  {
    what: 'exec by an administrator where only runners may',
    phase: 'connect',
    under: 'some',
    by: 'admin',
    pod: job,
    code: 'TW_ADMIT_EXEC',
  },
  {
    what: 'a pod that no binding’s labels select',
    under: 'labels',
    pod: job,
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  {
    what: 'a pod with another team’s label',
    under: 'labels',
    pod: labelled('team', 'web'),
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  {
    what: 'a pod that leaves its binding, later',
    phase: 'update',
    under: 'labels',
    before: labelled('team', 'shop'),
    pod: labelled('team', 'web'),
    code: 'TW_ADMIT_NOT_SELECTED',
  },
  { what: 'a namespace without a binding', under: 'none', pod: job, code: 'TW_ADMIT_NO_BINDING' },
  {
    what: 'a binding without a barrier',
    under: 'bare',
    pod: job,
    code: 'TW_ADMIT_NO_BARRIER_TEMPLATE',
  },
];

const manager = owned('ReplicaSet', 'gitlab-runner-5d8f9c7b64', 'gitlab-runner');
const notController = changed(manager, ['metadata', 'ownerReferences', 0, 'controller'], false);
const foreignOwner = changed(
  manager,
  ['metadata', 'ownerReferences', 0, 'apiVersion'],
  'example.com/v1',
);
const exempt: readonly Row[] = [
  {
    what: 'a pod that the runner makes in its manager’s name',
    pod: manager,
    by: 'runner',
    code: MISSING,
  },
  {
    what: 'a pod that an administrator makes in the manager’s name',
    pod: manager,
    by: 'admin',
    code: MISSING,
  },
  {
    what: 'another Deployment with the manager’s account',
    pod: owned('ReplicaSet', 'other-5d8f9c7b64', 'gitlab-runner'),
    by: 'replicaset',
    code: MISSING,
  },
  {
    what: 'a Deployment whose name begins like the manager’s',
    pod: owned('ReplicaSet', 'gitlab-runner-two-5d8f9c7b64', 'gitlab-runner'),
    by: 'replicaset',
    code: MISSING,
  },
  {
    what: 'the manager’s Deployment with another account',
    pod: owned('ReplicaSet', 'gitlab-runner-5d8f9c7b64', 'default'),
    by: 'replicaset',
    code: MISSING,
  },
  {
    what: 'a StatefulSet of the manager’s name',
    pod: owned('StatefulSet', 'gitlab-runner', 'gitlab-runner'),
    by: 'manager',
    code: MISSING,
  },
  {
    what: 'an owner that is not the controller',
    pod: notController,
    by: 'replicaset',
    code: MISSING,
  },
  {
    what: 'an owner of a foreign kind with the same name',
    pod: foreignOwner,
    by: 'replicaset',
    code: MISSING,
  },
  {
    what: 'a Job of an exempt CronJob’s name without its number',
    pod: owned('Job', 'nightly-now', 'nightly'),
    by: 'job',
    code: MISSING,
  },
];

export const refusedIdentity: readonly Row[] = [...identity, ...exempt];
