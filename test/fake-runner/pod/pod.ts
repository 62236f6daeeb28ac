/** The pod that GitLab Runner 17.9's Kubernetes executor makes of a job. Pure. */
import { parse } from 'yaml';
import { mergePatch, strategicMerge } from '../../../cli/runner/strategic-merge.ts';
import type { Job, PodSpecPatch, Runner } from '../job.ts';
import {
  buildContainer,
  type Container,
  helperContainer,
  permissionsContainer,
  serviceContainer,
} from './containers.ts';
import { isOn, refuseUnknownShapes } from './feature-flags.ts';
import { podAnnotations, podLabels, podName } from './identity.ts';
import { namespaceOf, serviceAccountOf } from './overwrites.ts';
import { containerNames, hostnames } from './services.ts';

export interface Pod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly [field: string]: unknown;
  };
}

/**
 * @param suffix eight of `a-z0-9`, new for each pod
 * @throws Error for an overwrite that is not allowed, and for flags whose pods are not imitated
 */
export function jobPod(job: Job, runner: Runner, suffix: string): Pod {
  refuseUnknownShapes(job, runner);
  const advanced = isOn('FF_USE_ADVANCED_POD_SPEC_CONFIGURATION', job, runner);
  const spec = advanced
    ? runner.podSpecs.reduce((before, patch) => applyPatch(before, patch), podSpec(job, runner))
    : podSpec(job, runner);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(job, runner, suffix),
      namespace: namespaceOf(job, runner),
      labels: podLabels(job, runner),
      annotations: podAnnotations(job, runner),
    },
    spec,
  };
}

function podSpec(job: Job, runner: Runner): Pod['spec'] {
  const names = containerNames(job.services);
  const services = job.services.map((service, index) =>
    serviceContainer(job, runner, service, names[index] as string),
  );
  const legacy = isOn('FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY', job, runner);
  const bounded = isOn('FF_USE_POD_ACTIVE_DEADLINE_SECONDS', job, runner);
  const account = serviceAccountOf(job, runner);
  return {
    volumes: ['repo', 'scripts', 'logs'].map((name) => ({ name, emptyDir: {} })),
    ...(account === '' ? {} : { serviceAccountName: account }),
    restartPolicy: 'Never',
    securityContext: {},
    affinity: {},
    ...(legacy ? {} : { initContainers: [permissionsContainer(job, runner)] }),
    containers: [buildContainer(job, runner), helperContainer(job, runner), ...services],
    ...(services.length === 0
      ? {}
      : { hostAliases: [{ ip: '127.0.0.1', hostnames: hostnames(job.services) }] }),
    // A second more than the job may take, so that the runner is the one who ends it.
    ...(bounded ? { activeDeadlineSeconds: job.timeout + 1 } : {}),
  };
}

function applyPatch(spec: Pod['spec'], { type, patch }: PodSpecPatch): Pod['spec'] {
  const change = parse(patch) as Record<string, unknown>;
  const merged = type === 'merge' ? mergePatch(spec, change) : strategicMerge(spec, change);
  return merged as Pod['spec'];
}
