/** What the tests share: the job and the runner of the recorded pod, and how an API server stores a pod. */
import type { Job, Runner } from '../job.ts';
import { plainRunner } from '../job.ts';
import type { Pod } from './pod.ts';

/** The job that was given to the real runner when its pod and its logs were recorded. */
export const recordedJob: Job = {
  id: 101,
  name: 'install',
  ref: 'main',
  sha: '0000000000000000000000000000000000000001',
  beforeSha: '0'.repeat(40),
  projectId: 42,
  projectName: 'demo',
  repoUrl: 'http://gitlab-ci-token:secret@127.0.0.1:8929/grp/demo.git',
  image: 'localhost/runner-helper:1',
  services: [{ image: 'localhost/runner-helper:1', alias: 'db', command: ['sleep', '60'] }],
  variables: [
    { key: 'GIT_STRATEGY', value: 'none', public: true },
    { key: 'CI_JOB_ID', value: '101', public: true },
    { key: 'CI_PROJECT_PATH', value: 'grp/demo', public: true },
    { key: 'CI_PROJECT_NAMESPACE', value: 'grp', public: true },
  ],
  script: ['id', 'cat /proc/self/cgroup | tail -1', 'sleep 5', 'echo done'],
  timeout: 600,
};

const barrierPatch = {
  initContainers: [
    {
      name: 'torwacht-barrier',
      image: 'torwacht.test/busybox:1',
      imagePullPolicy: 'Never',
      command: ['sh', '-c', 'echo barrier'],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    },
  ],
};

export const recordedRunner: Runner = {
  ...plainRunner,
  name: 'held-out',
  shortToken: 'abcdefghi',
  systemId: 's_1746f8786189',
  revision: 'abcdef12',
  hostname: 'vm',
  namespace: 'gitlab-runner',
  helperImage: 'localhost/runner-helper:1',
  pullPolicy: 'Never',
  featureFlags: { FF_USE_ADVANCED_POD_SPEC_CONFIGURATION: true },
  podSpecs: [{ name: 'barrier', type: 'strategic', patch: JSON.stringify(barrierPatch) }],
};

const token = (name: string) => ({
  name,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  readOnly: true,
});

function storedContainer(container: object & { volumeMounts?: readonly object[] }, volume: string) {
  return {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), token(volume)],
  };
}

const toleration = (condition: string) => ({
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
});

/**
 * A pod as an API server of Kubernetes 1.34 has it on a node: with defaults, priority, tolerations and the
 * volume of the service account's token, which is called `volume`.
 */
export function stored(pod: Pod, nodeName: string, volume: string): object {
  const { containers, initContainers = [], volumes, ...spec } = pod.spec;
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [
          { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
        ],
      },
    },
  ];
  return {
    ...pod,
    spec: {
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      nodeName,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      schedulerName: 'default-scheduler',
      serviceAccount: 'default',
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      tolerations: [toleration('not-ready'), toleration('unreachable')],
      ...spec,
      initContainers: initContainers.map((one) => storedContainer(one, volume)),
      containers: containers.map((one) => storedContainer(one, volume)),
      volumes: [
        ...(volumes as object[]),
        { name: volume, projected: { defaultMode: 420, sources } },
      ],
    },
  };
}
