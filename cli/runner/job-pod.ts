/** The pod that a runner makes of any job, as far as admission looks at it: its settings, then its patches. */
import jsonPatch, { type Operation } from 'fast-json-patch';
import { parse as parseYaml } from 'yaml';
import { projectLabel } from '#webhook/check/asked.ts';
import type { Config, Kubernetes, PodSpecEntry } from './read.ts';
import { mergePatch, strategicMerge } from './strategic-merge.ts';

/** No project has this id, so no exception is for it. */
const NO_PROJECT = '0';

type Fields = Readonly<Record<string, unknown>>;

export interface JobPod {
  readonly pod: object;
  /** Patches that cannot be applied, and why: GitLab Runner fails the job with these. */
  readonly broken: readonly string[];
  /** Names of patches that need what GitLab Runner does not always put into a pod. */
  readonly fragile: readonly string[];
}

/** @param advanced are patches applied? */
export function jobPod(
  kubernetes: Kubernetes,
  patchFile: Config['patchFile'],
  advanced: boolean,
): JobPod {
  let spec: Fields = podSpec(kubernetes);
  const broken: string[] = [];
  const fragile: string[] = [];
  for (const [index, entry] of (advanced ? (kubernetes.pod_spec ?? []) : []).entries()) {
    const name = entry.name ?? `number ${index + 1}`;
    if (entry.patch_type === 'json') fragile.push(name);
    try {
      spec = patched(spec, entry, patchFile);
    } catch (error) {
      broken.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  const labels = {
    ...kubernetes.pod_labels,
    'job.runner.gitlab.com/pod': `runner-t1-project-${NO_PROJECT}-concurrent-0`,
    [projectLabel]: NO_PROJECT,
  };
  return { pod: { metadata: { name: 'job', labels }, spec }, broken, fragile };
}

/** In list order, each on what the one before has left (executors/kubernetes/kubernetes.go). */
function patched(
  spec: Fields,
  { patch, patch_path: path, patch_type: type = '' }: PodSpecEntry,
  patchFile: Config['patchFile'],
): Fields {
  if (patch !== undefined && path !== undefined) throw new Error('it has patch and patch_path');
  const content = path === undefined ? (patch ?? '') : patchFile(path);
  if (content instanceof Error) throw content;
  const change: unknown = parseYaml(content);
  if (type === 'json') {
    const operations = change as Operation[];
    return jsonPatch.applyPatch(structuredClone(spec), operations, true).newDocument;
  }
  if (typeof change !== 'object' || change === null || Array.isArray(change)) {
    throw new Error('it is no part of a PodSpec');
  }
  if (type === 'merge') return mergePatch(spec, change) as Fields;
  if (type === 'strategic' || type === '') return strategicMerge(spec, change as Fields);
  throw new Error(`there is no patch_type ${JSON.stringify(type)}`);
}

function podSpec(kubernetes: Kubernetes): Fields {
  const { runtime_class_name: runtimeClassName, container_lifecycle: lifecycle } = kubernetes;
  const hooks = lifecycle && {
    ...(lifecycle.post_start && { postStart: handler(lifecycle.post_start) }),
    ...(lifecycle.pre_stop && { preStop: handler(lifecycle.pre_stop) }),
  };
  const container = (name: string, context: SecurityContext = {}) => ({
    name,
    image: 'job',
    securityContext: securityContext(kubernetes, context),
  });
  return {
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    volumes: volumes(kubernetes),
    securityContext: {},
    initContainers: [
      container('init-permissions', kubernetes.init_permissions_container_security_context),
    ],
    containers: [
      {
        ...container('build', kubernetes.build_container_security_context),
        ...(hooks && { lifecycle: hooks }),
      },
      container('helper', kubernetes.helper_container_security_context),
      container('svc-0', kubernetes.service_container_security_context),
    ],
  };
}

type SecurityContext = NonNullable<Kubernetes['build_container_security_context']>;
type Handler = NonNullable<NonNullable<Kubernetes['container_lifecycle']>['post_start']>;

function handler({ http_get: httpGet, tcp_socket: tcpSocket }: Handler) {
  return { ...(httpGet && { httpGet }), ...(tcpSocket && { tcpSocket }) };
}

/** A container's own lists stand in place of those of all; NET_RAW is dropped only by the latter (common/config.go). */
function securityContext(kubernetes: Kubernetes, own: SecurityContext) {
  const { privileged = false } = kubernetes;
  const all = capabilitiesOfAll(kubernetes);
  return {
    privileged: own.privileged ?? privileged,
    ...procMount(own.proc_mount),
    capabilities: {
      add: own.capabilities?.add ?? all.add,
      drop: own.capabilities?.drop ?? all.drop,
    },
  };
}

/** What is added is not dropped, and what is dropped by name is dropped again. */
function capabilitiesOfAll({ cap_add: add = [], cap_drop: drop = [] }: Kubernetes) {
  const enabled = new Map<string, boolean>([['NET_RAW', false]]);
  for (const name of add) enabled.set(name, true);
  for (const name of drop) enabled.set(name, false);
  const those = (wanted: boolean) =>
    [...enabled].flatMap(([name, added]) => (added === wanted ? [name] : []));
  return { add: those(true), drop: those(false) };
}

/** In any case of letters; what is neither of the two is passed over. */
function procMount(text = '') {
  const known = ['Default', 'Unmasked'].find(
    (name) => name.toLowerCase() === text.trim().toLowerCase(),
  );
  return known === undefined ? {} : { procMount: known };
}

/** Those that admission has a say in. */
function volumes({ volumes: { host_path: paths = [], csi = [] } = {} }: Kubernetes) {
  return [
    ...paths.map(({ name, mount_path: mount, host_path: path = mount }) => ({
      name,
      hostPath: { path },
    })),
    ...csi.map(({ name, ...rest }) => ({ name, csi: rest })),
  ];
}
