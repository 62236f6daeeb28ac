/** The pods that the table begins with, and how a row differs from one of them. */
import { type Pod, podSchema } from '#webhook/check/pod.ts';
import type { Job, Runner } from '../../fake-runner/job.ts';
import { jobPod } from '../../fake-runner/pod/pod.ts';
import { recordedJob, recordedRunner } from '../../fake-runner/pod/testing.ts';
import { DIGEST } from './bindings.ts';

export const barrierSecurity = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export const barrier = {
  name: 'torwacht-barrier',
  image: DIGEST,
  securityContext: barrierSecurity,
};

/** Of the binding `words`. */
export const gate = {
  name: 'gate',
  image: DIGEST,
  command: ['/torwacht-barrier'],
  args: ['--deadline', '60s'],
  env: [{ name: 'TORWACHT_BARRIER_INTERVAL', value: '100ms' }, { name: 'EMPTY' }],
  securityContext: {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
};

const confined = { seccompProfile: { type: 'RuntimeDefault' } };

function patched(first: object): Runner {
  const patch = JSON.stringify({ initContainers: [first], securityContext: confined });
  return { ...recordedRunner, podSpecs: [{ name: 'torwacht', type: 'strategic', patch }] };
}

/** As the API has it: without a namespace, which is the row's. */
function asPod(job: Job, runner: Runner): Pod {
  const { metadata, ...rest } = jobPod(job, runner, 'x7k2p9qa');
  const { namespace, ...kept } = metadata;
  return podSchema.parse({ ...rest, metadata: { ...kept, name: `job-of-${namespace}` } });
}

/** A job of the runner's, with a service, as docs/admission.md tells to configure it. */
export const job: Pod = asPod(recordedJob, patched(barrier));
export const gatedJob: Pod = asPod(recordedJob, patched(gate));
/** As the runner makes it without any of that. */
export const unpatchedJob: Pod = asPod(recordedJob, { ...recordedRunner, podSpecs: [] });
/** With the runner's legacy strategy, which has no init container of its own. */
export const legacyJob: Pod = asPod(recordedJob, {
  ...patched(barrier),
  featureFlags: {
    FF_USE_ADVANCED_POD_SPEC_CONFIGURATION: true,
    FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY: true,
  },
});
/** The variable that a job's author can set where the flag stands under `environment`. */
export const switchedOff: Pod = asPod(
  {
    ...recordedJob,
    variables: [
      ...recordedJob.variables,
      { key: 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION', value: 'false', public: true },
    ],
  },
  { ...patched(barrier), featureFlags: {} },
);

/** Somebody's pod that is no runner's, and behaves. */
export const own: Pod = podSchema.parse({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'own' },
  spec: {
    securityContext: confined,
    initContainers: [barrier],
    containers: [
      {
        name: 'main',
        image: 'registry.example.com/tool:1',
        securityContext: { capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

/** As large as pods get: what judges them in the API server has a budget. */
export const largeJob: Pod = asPod(
  {
    ...recordedJob,
    services: Array.from({ length: 60 }, (_, index) => ({
      image: 'registry.example.com/service:1',
      alias: `service-${index}`,
    })),
  },
  patched(barrier),
);

/** One of a workload, as a controller makes it. */
export function owned(kind: string, name: string, serviceAccountName: string): Pod {
  const apiGroup = kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : 'apps/v1';
  const owner = { apiVersion: apiGroup, kind, name, uid: '5d1f6f4e-0000-4000-8000-000000000000' };
  return podSchema.parse({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'owned', ownerReferences: [{ ...owner, controller: true }] },
    spec: {
      serviceAccountName,
      containers: [{ name: 'main', image: 'registry.example.com/tool:1' }],
    },
  });
}

type Path = readonly (string | number)[];

/** A copy with another value somewhere; undefined takes the field away. Missing maps are made. */
export function changed(pod: Pod, path: Path, value: unknown): Pod {
  const copy = structuredClone(pod);
  let at = copy as unknown as Record<string | number, unknown>;
  for (const [index, step] of path.slice(0, -1).entries()) {
    at[step] ??= typeof path[index + 1] === 'number' ? [] : {};
    at = at[step] as Record<string | number, unknown>;
  }
  const last = path.at(-1) as string | number;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** Changes one field of the barrier. */
export function barrierWith(field: string, value: unknown, pod: Pod = job): Pod {
  return changed(pod, ['spec', 'initContainers', 0, field], value);
}

/** Changes one field of the build container. */
export function buildWith(path: Path, value: unknown, pod: Pod = job): Pod {
  return changed(pod, ['spec', 'containers', 0, ...path], value);
}

export function specWith(field: string, value: unknown, pod: Pod = job): Pod {
  return changed(pod, ['spec', field], value);
}

export function withInit(position: number, container: object, pod: Pod = job): Pod {
  const list: unknown[] = [...(pod.spec.initContainers ?? [])];
  list.splice(position, 0, container);
  return changed(pod, ['spec', 'initContainers'], list);
}

export function withVolume(volume: object, pod: Pod = job): Pod {
  return changed(
    pod,
    ['spec', 'volumes'],
    [...(pod.spec.volumes ?? []), { name: 'more', ...volume }],
  );
}

export function withEphemeral(container: object, pod: Pod = job): Pod {
  const base = {
    name: 'debugger',
    image: 'registry.example.com/tool:1',
    terminationMessagePolicy: 'File',
  };
  return changed(pod, ['spec', 'ephemeralContainers'], [{ ...base, ...container }]);
}

export function labelled(key: string, value: string | undefined, pod: Pod = job): Pod {
  return changed(pod, ['metadata', 'labels', key], value);
}

export function annotated(key: string, value: string | undefined, pod: Pod = job): Pod {
  return changed(pod, ['metadata', 'annotations', key], value);
}
