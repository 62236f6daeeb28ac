/** Pods that are let in. */

import { byBinding } from './by-binding.ts';
import {
  barrierWith,
  buildWith,
  changed,
  job,
  labelled,
  largeJob,
  legacyJob,
  own,
  owned,
  specWith,
  withEphemeral,
  withInit,
  withVolume,
} from './pods.ts';
import type { Row } from './row.ts';

const confined = { capabilities: { drop: ['NET_RAW'] } };
const sidecar = {
  name: 'proxy',
  image: 'registry.example.com/proxy:1',
  restartPolicy: 'Always',
  securityContext: confined,
};
const tokenMount = {
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  name: 'token',
  readOnly: true,
};
const token = {
  name: 'token',
  projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
};

const created: readonly Row[] = [
  { what: 'a job of the runner', pod: job, code: null },
  { what: 'a job with sixty services', pod: largeJob, code: null },
  { what: 'a job by the legacy strategy', pod: legacyJob, code: null },
  { what: 'a job of a runner elsewhere', pod: job, by: 'fleet', code: null },
  { what: 'somebody’s own pod with the barrier', pod: own, by: 'stranger', code: null },
  { what: 'an administrator’s own pod with the barrier', pod: own, by: 'admin', code: null },
  {
    what: 'a barrier by tag below an allowed repository',
    pod: barrierWith('image', 'registry.example.com/torwacht-barrier:0.2.0'),
    code: null,
  },
  {
    what: 'a barrier below an allowed folder',
    pod: barrierWith('image', 'mirror.example.com/torwacht/barrier:1'),
    code: null,
  },
  {
    what: 'a barrier that is pulled always',
    pod: barrierWith('imagePullPolicy', 'Always'),
    code: null,
  },
  {
    what: 'a barrier with resources',
    pod: barrierWith('resources', { limits: { cpu: '50m', memory: '16Mi' } }),
    code: null,
  },
  {
    what: 'a barrier whose end is read from its log',
    pod: barrierWith('terminationMessagePolicy', 'FallbackToLogsOnError'),
    code: null,
  },
  {
    what: 'a barrier with the token of the service account',
    pod: changed(withVolume(token), ['spec', 'initContainers', 0, 'volumeMounts'], [tokenMount]),
    code: null,
  },
  { what: 'a sidecar behind the barrier', pod: withInit(1, sidecar), code: null },
  {
    what: 'a container that drops everything',
    pod: buildWith(['securityContext', 'capabilities'], { drop: ['ALL'] }),
    code: null,
  },
  {
    what: 'a container that drops everything and adds CHOWN',
    pod: buildWith(['securityContext', 'capabilities'], {
      drop: ['ALL'],
      add: ['CHOWN', 'SETUID'],
    }),
    code: null,
  },
  {
    what: 'a container that may gain rights',
    pod: buildWith(['securityContext', 'allowPrivilegeEscalation'], true),
    code: null,
  },
  {
    what: 'a container that runs as root',
    pod: buildWith(['securityContext', 'runAsUser'], 0),
    code: null,
  },
  {
    what: 'profiles on containers in place of the pod’s',
    pod: specWith('securityContext', {}, allConfined()),
    code: null,
  },
  {
    what: 'a probe of the pod itself',
    pod: buildWith(['livenessProbe'], { httpGet: { port: 80, path: '/' } }),
    code: null,
  },
  {
    what: 'a probe by a command',
    pod: buildWith(['readinessProbe'], { exec: { command: ['true'] } }),
    code: null,
  },
  {
    what: 'a hook of the pod itself',
    pod: buildWith(['lifecycle'], { preStop: { httpGet: { port: 80, path: '/' } } }),
    code: null,
  },
  {
    what: 'a claim as volume',
    pod: withVolume({ persistentVolumeClaim: { claimName: 'cache' } }),
    code: null,
  },
  { what: 'a ConfigMap as volume', pod: withVolume({ configMap: { name: 'ca' } }), code: null },
  { what: 'a Secret as volume', pod: withVolume({ secret: { secretName: 'key' } }), code: null },
  { what: 'hostUsers switched off', pod: specWith('hostUsers', false), code: null },
  {
    what: 'false where true would be refused',
    pod: specWith('hostNetwork', false, specWith('hostPID', false)),
    code: null,
  },
  { what: 'its operating system named', pod: specWith('os', { name: 'linux' }), code: null },
  { what: 'a label of its own', pod: labelled('team', 'shop'), code: null },
  {
    what: 'a label that only looks like the runner’s',
    pod: labelled('runner.gitlab.com.example.com/id', '1', own),
    by: 'stranger',
    code: null,
  },
  {
    what: 'another label that only looks like it',
    pod: labelled('notrunner-gitlab.com/id', '1', own),
    by: 'stranger',
    code: null,
  },
];

const manager = owned('ReplicaSet', 'gitlab-runner-5d8f9c7b64', 'gitlab-runner');
const exempt: readonly Row[] = [
  {
    what: 'the runner manager that says it is exempt',
    pod: labelled('torwacht.io/exempt', 'true', manager),
    by: 'replicaset',
    code: null,
  },
  {
    what: 'a job that says so where nobody is exempt',
    under: 'some',
    pod: labelled('torwacht.io/exempt', 'true'),
    code: null,
  },
  { what: 'the runner manager', pod: manager, by: 'replicaset', code: null },
  {
    what: 'the runner manager, by controllers that share credentials',
    pod: manager,
    by: 'manager',
    code: null,
  },
  {
    what: 'the runner manager, privileged',
    pod: buildWith(['securityContext'], { privileged: true }, manager),
    by: 'replicaset',
    code: null,
  },
  {
    what: 'a pod of an exempt CronJob',
    pod: owned('Job', 'nightly-29034720', 'nightly'),
    by: 'job',
    code: null,
  },
  {
    what: 'a pod of an exempt DaemonSet',
    pod: owned('DaemonSet', 'logs', 'logs'),
    by: 'daemonset',
    code: null,
  },
];

const tool = { securityContext: { capabilities: { drop: ['ALL'] } } };
const later: readonly Row[] = [
  {
    what: 'another image for the build container',
    phase: 'update',
    before: job,
    pod: buildWith(['image'], 'registry.example.com/tool:2'),
    code: null,
  },
  {
    what: 'a label of its own, later',
    phase: 'update',
    before: job,
    pod: labelled('team', 'shop'),
    code: null,
  },
  {
    what: 'an annotation of its own, later',
    phase: 'update',
    before: job,
    pod: changed(job, ['metadata', 'annotations', 'note'], 'seen'),
    code: null,
  },
  {
    what: 'another allowed image for the barrier',
    phase: 'update',
    before: job,
    pod: barrierWith('image', 'registry.example.com/torwacht-barrier:0.2.0'),
    code: null,
  },
  {
    what: 'a label for a pod whose barrier is of an older template',
    phase: 'update',
    before: barrierWith('image', 'old.example.com/barrier:1'),
    pod: labelled('team', 'shop', barrierWith('image', 'old.example.com/barrier:1')),
    code: null,
  },
  {
    what: 'a debugger without rights',
    phase: 'ephemeral',
    by: 'admin',
    pod: withEphemeral(tool),
    code: null,
  },
  {
    what: 'a debugger in an exempt pod',
    phase: 'ephemeral',
    by: 'admin',
    pod: withEphemeral({ securityContext: { privileged: true } }, manager),
    code: null,
  },
  { what: 'scheduling', phase: 'bind', by: 'admin', pod: own, code: null },
  {
    what: 'a label of its own, with its status',
    phase: 'update',
    through: 'status',
    by: 'admin',
    before: job,
    pod: labelled('team', 'shop'),
    code: null,
  },
  { what: 'exec by anyone', phase: 'connect', by: 'stranger', pod: job, code: null },
  { what: 'exec by the runner alone', phase: 'connect', under: 'some', pod: job, code: null },
];

function allConfined() {
  const lists = ['containers', 'initContainers'] as const;
  const paths = lists.flatMap((list) =>
    (job.spec[list] ?? []).map((_, index) => [list, index] as const),
  );
  return paths.reduce(
    (pod, path) =>
      changed(pod, ['spec', ...path, 'securityContext', 'seccompProfile'], {
        type: 'RuntimeDefault',
      }),
    job,
  );
}

export const accepted: readonly Row[] = [...created, ...byBinding, ...exempt, ...later];
