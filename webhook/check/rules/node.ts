/** What of the node a pod shares or mounts, and what the node does in its name. */
import type { ExceptionKind } from '#api/admission.ts';
import { quoted } from '#policy/problem.ts';
import { type Asked, containersOf, excepted } from '../asked.ts';
import type { Container, Pod } from '../pod.ts';
import { named, PLATFORM, type Rule } from './rule.ts';

const EXCEPTION = (kind: ExceptionKind) =>
  `Jobs cannot have that here. If this job must, ${PLATFORM} decides it (spec.guard.exceptions: ${kind}).`;

type Shared = 'hostNetwork' | 'hostPID' | 'hostIPC' | 'shareProcessNamespace';

function shares(code: Rule['code'], field: Shared, kind: ExceptionKind, sentence: string): Rule {
  return {
    code,
    phases: ['create'],
    refuses: (asked) => {
      const pod = created(asked);
      return pod?.spec[field] === true && !excepted(asked, kind) ? sentence : null;
    },
    sentence,
    hint: EXCEPTION(kind),
    cel: `!object.spec.?${field}.orValue(false) || '${kind}' in variables.exceptions`,
  };
}

function created({ request }: Asked): Pod | null {
  return request.phase === 'create' ? request.pod : null;
}

const runtimeClass: Rule = {
  code: 'TW_ADMIT_RUNTIME_CLASS',
  phases: ['create'],
  refuses(asked) {
    const name = created(asked)?.spec.runtimeClassName;
    if (name === undefined || (asked.binding.spec.guard?.runtimeClasses ?? []).includes(name))
      return null;
    return `it wants the runtime class ${quoted(name)}, and it is not known that enforcement holds there`;
  },
  sentence: 'it wants a runtime class of which it is not known that enforcement holds there',
  hint: `Leave it away, or ask ${PLATFORM}: spec.guard.runtimeClasses of the RunnerBinding names those that are allowed.`,
  cel: '!has(object.spec.runtimeClassName) || object.spec.runtimeClassName in params.spec.?guard.?runtimeClasses.orValue([])',
};

const system: Rule = {
  code: 'TW_ADMIT_OPERATING_SYSTEM',
  phases: ['create'],
  refuses(asked) {
    const name = created(asked)?.spec.os?.name ?? 'linux';
    return name === 'linux' ? null : `it is for ${quoted(name)}, where nothing would hold it`;
  },
  sentence: 'it is for another operating system than Linux, where nothing would hold it',
  hint: 'Run this job in a namespace that is not enforced.',
  cel: "object.spec.?os.?name.orValue('linux') == 'linux'",
};

const hostPath: Rule = {
  code: 'TW_ADMIT_HOST_PATH',
  phases: ['create'],
  refuses(asked) {
    if (excepted(asked, 'AnyHostPath')) return null;
    const allowed = asked.binding.spec.guard?.hostPaths ?? [];
    const bad = created(asked)?.spec.volumes?.find(
      ({ hostPath: mounted }) => mounted !== undefined && !isBelow(mounted.path, allowed),
    );
    if (bad === undefined) return null;
    return `it mounts ${quoted(bad.hostPath?.path ?? '')} of the node`;
  },
  sentence: 'it mounts a folder of the node',
  hint: `Leave it away. If this job must have it, ${PLATFORM} decides it (spec.guard.hostPaths of the RunnerBinding).`,
  cel:
    "'AnyHostPath' in variables.exceptions || object.spec.?volumes.orValue([]).all(v, !has(v.hostPath) || " +
    "(!v.hostPath.path.contains('..') && params.spec.?guard.?hostPaths.orValue([]).exists(p, v.hostPath.path == p || v.hostPath.path.startsWith(p + '/'))))",
};

function isBelow(path: string, allowed: readonly string[]): boolean {
  return (
    !path.includes('..') && allowed.some((root) => path === root || path.startsWith(`${root}/`))
  );
}

/** Those that no node fetches from an address that the pod names; `hostPath` has a rule of its own. */
const localVolumes = [
  'name',
  'configMap',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'hostPath',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const volume: Rule = {
  code: 'TW_ADMIT_VOLUME',
  phases: ['create'],
  refuses(asked) {
    if (excepted(asked, 'AnyVolume')) return null;
    for (const one of created(asked)?.spec.volumes ?? []) {
      const kind = Object.keys(one).find((key) => !localVolumes.includes(key));
      if (kind !== undefined) {
        return `its volume ${quoted(one.name)} is of the kind ${quoted(kind)}, which the node mounts outside of what is held`;
      }
    }
    return null;
  },
  sentence: 'it has a volume that the node mounts outside of what is held, like nfs, iscsi or csi',
  hint: EXCEPTION('AnyVolume'),
  cel:
    "'AnyVolume' in variables.exceptions || object.spec.?volumes.orValue([]).all(v, dyn(v).all(k, k in " +
    `${JSON.stringify(localVolumes).replaceAll('"', "'")}))`,
};

/** Probes and hooks are sent by the kubelet, from the node's own network. */
const nodeRequests: Rule = {
  code: 'TW_ADMIT_NODE_REQUESTS',
  phases: ['create'],
  refuses(asked) {
    if (excepted(asked, 'NodeRequests')) return null;
    const bad = containersOf(asked.request).find(asksElsewhere);
    if (bad === undefined) return null;
    return `${named(bad.name)} has a probe or hook by which the node would ask another host`;
  },
  sentence: 'a container has a probe or hook by which the node would ask another host',
  hint: EXCEPTION('NodeRequests'),
  cel: `'NodeRequests' in variables.exceptions || variables.containers.all(c, ${[
    'livenessProbe',
    'readinessProbe',
    'startupProbe',
    'lifecycle.?postStart',
    'lifecycle.?preStop',
  ]
    .flatMap((handler) =>
      ['httpGet', 'tcpSocket'].map((way) => `c.?${handler}.?${way}.?host.orValue('') == ''`),
    )
    .join(' && ')})`,
};

function asksElsewhere({
  livenessProbe,
  readinessProbe,
  startupProbe,
  lifecycle,
}: Container): boolean {
  return [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ].some((handler) =>
    [handler?.httpGet, handler?.tcpSocket].some((way) => (way?.host ?? '') !== ''),
  );
}

export const nodeRules: readonly Rule[] = [
  shares('TW_ADMIT_HOST_NETWORK', 'hostNetwork', 'HostNetwork', "it shares the node's network"),
  shares('TW_ADMIT_HOST_PID', 'hostPID', 'HostPID', "it shares the node's processes"),
  shares('TW_ADMIT_HOST_IPC', 'hostIPC', 'HostIPC', "it shares the node's memory segments"),
  shares(
    'TW_ADMIT_SHARED_PROCESSES',
    'shareProcessNamespace',
    'ShareProcessNamespace',
    'its containers share their processes, the barrier among them',
  ),
  runtimeClass,
  system,
  hostPath,
  volume,
  nodeRequests,
];
