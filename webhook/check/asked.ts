/** What is asked of admission about a pod, and what the rules want to know about it. */
import { baselineCapabilities, type ExceptionKind, type Exempt } from '#api/admission.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { namespaceOf } from '#policy/title.ts';
import type { Container, Owner, Pod } from './pod.ts';

/** `bind` puts a pod on a node, and annotations on the pod; `connect` is exec and attach. */
export type Phase = 'create' | 'update' | 'ephemeral' | 'bind' | 'connect';

export interface User {
  readonly username: string;
  readonly groups: readonly string[];
}

/** What an object says of itself. */
export type Metadata = Pick<Pod['metadata'], 'labels' | 'annotations'>;

interface Always {
  readonly namespace: string;
  readonly user: User;
}

/** One question of the API server about a pod. */
export type PodRequest = Always &
  (
    | { readonly phase: 'create'; readonly pod: Pod }
    | { readonly phase: 'update'; readonly pod: Pod; readonly before: Pod }
    | { readonly phase: 'ephemeral'; readonly pod: Pod }
    | { readonly phase: 'bind'; readonly said: Metadata }
    | { readonly phase: 'connect' }
  );

/** A question and the binding that answers it. */
export interface Asked<R extends PodRequest = PodRequest> {
  readonly request: R;
  readonly binding: RunnerBinding;
}

/** GitLab Runner's own test of keys that jobs may not set (executors/kubernetes/kubernetes.go). */
export const runnerKey = /^(.*\.)?runner\.gitlab\.com(\/.*)?$/;
export const projectLabel = 'project.runner.gitlab.com/id';

/** Kubernetes' own controllers, with credentials of their own or with those they share. */
export const controllerUsers = [
  'system:kube-controller-manager',
  ...['replicaset', 'statefulset', 'daemon-set', 'job', 'cronjob', 'deployment'].map(
    (name) => `system:serviceaccount:kube-system:${name}-controller`,
  ),
];

export const mirrorAnnotation = 'kubernetes.io/config.mirror';
export const nodesGroup = 'system:nodes';

export function labelsOf(pod: Pod): Readonly<Record<string, string>> {
  return pod.metadata.labels ?? {};
}

/** Own keys alone: `constructor` is no label. */
export function entryOf(
  map: Readonly<Record<string, string>> | undefined,
  key: string,
): string | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Labels and annotations that the runner alone may write. */
export function runnerMetadata(metadata: Metadata): ReadonlyMap<string, string> {
  const { labels = {}, annotations = {} } = metadata;
  const found = new Map<string, string>();
  for (const [kind, entries] of [
    ['label', labels],
    ['annotation', annotations],
  ] as const) {
    for (const key in entries) {
      if (runnerKey.test(key)) found.set(`${kind} ${key}`, entries[key] ?? '');
    }
  }
  return found;
}

export function isRunner(binding: RunnerBinding, { username }: User): boolean {
  return (binding.spec.runners ?? []).some(
    ({ namespace = namespaceOf(binding), serviceAccount }) =>
      username === `system:serviceaccount:${namespace}:${serviceAccount}`,
  );
}

/**
 * Is this pod let through without the barrier? Its controller is believed only where a controller of
 * Kubernetes makes it: whoever makes a pod by hand writes any owner into it. Such a pod has the barrier, or
 * it would not be there, which tells it later.
 */
export function isExempt(asked: Asked): boolean {
  const { request, binding } = asked;
  if (request.phase !== 'create' && request.phase !== 'ephemeral') return false;
  const { pod, user, phase } = request;
  if (phase === 'ephemeral' && barrierOf(asked) !== null) return false;
  if (phase === 'create' && isMirror(pod, user)) return true;
  if (phase === 'create' && !controllerUsers.includes(user.username)) return false;
  const owners = (pod.metadata.ownerReferences ?? []).filter(
    ({ controller }) => controller === true,
  );
  return (binding.spec.exempt ?? []).some(
    ({ serviceAccount, controller }) =>
      pod.spec.serviceAccountName === serviceAccount &&
      owners.some((owner) => owns(owner, controller)),
  );
}

/** What a node tells about a pod of its own disk: root there needs no API. */
function isMirror(pod: Pod, { groups }: User): boolean {
  return (
    groups.includes(nodesGroup) && entryOf(pod.metadata.annotations, mirrorAnnotation) !== undefined
  );
}

/** Kinds that make pods through an object of another kind, and how that is called. */
export const throughs = {
  Deployment: { kind: 'ReplicaSet', suffix: /^[a-z0-9]+$/ },
  CronJob: { kind: 'Job', suffix: /^[0-9]+$/ },
} as const;

function owns({ apiVersion, kind, name }: Owner, wanted: Exempt['controller']): boolean {
  if (!/^(apps|batch)\//.test(apiVersion)) return false;
  const through =
    wanted.kind === 'Deployment' || wanted.kind === 'CronJob' ? throughs[wanted.kind] : null;
  if (through === null) return kind === wanted.kind && name === wanted.name;
  const prefix = `${wanted.name}-`;
  return (
    kind === through.kind &&
    name.startsWith(prefix) &&
    through.suffix.test(name.slice(prefix.length))
  );
}

/** The containers that a request brings. */
export function containersOf(request: PodRequest): readonly Container[] {
  if (request.phase === 'create') {
    const { initContainers = [], containers } = request.pod.spec;
    return [...initContainers, ...containers];
  }
  return request.phase === 'ephemeral' ? (request.pod.spec.ephemeralContainers ?? []) : [];
}

/** The first init container, where it is the binding's barrier by name. */
export function barrierOf({ request, binding }: Asked): Container | null {
  if (!('pod' in request)) return null;
  const [first] = request.pod.spec.initContainers ?? [];
  return first !== undefined && first.name === binding.spec.barrier?.name ? first : null;
}

/** Does an exception of the binding let this through, in this pod? */
export function excepted({ request, binding }: Asked, kind: ExceptionKind): boolean {
  if (!('pod' in request)) return false;
  const project = entryOf(labelsOf(request.pod), projectLabel);
  return (binding.spec.guard?.exceptions ?? []).some(
    ({ allow, projects }) =>
      allow === kind &&
      (projects === undefined || (project !== undefined && projects.includes(project))),
  );
}

export function allowedCapabilities({ spec }: RunnerBinding): readonly string[] {
  return spec.guard?.capabilities ?? baselineCapabilities;
}
