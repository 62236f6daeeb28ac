/** One field each that makes a pod unsafe, and one each that does not. */
import type { Pod } from '#webhook/check/pod.ts';
import { changed } from './table/pods.ts';

type Path = readonly (string | number)[];

/** In a path: behind the last of a list. */
const END = -1;

export interface Mutation {
  readonly what: string;
  readonly path: Path;
  readonly value: unknown;
}

/** Below `spec`. */
const ofPod: readonly (readonly [path: Path, values: readonly unknown[]])[] = [
  [['hostNetwork'], [true]],
  [['hostPID'], [true]],
  [['hostIPC'], [true]],
  [['shareProcessNamespace'], [true]],
  [['runtimeClassName'], ['runc', 'kata', '']],
  [['os'], [{ name: 'windows' }]],
  [['initContainers'], [undefined, []]],
  ...[
    '/',
    '/run',
    '/run/containerd/containerd.sock',
    '/var/run/docker.sock',
    '/sys/fs/bpf',
    '/sys/fs/cgroup',
    '/proc',
    '/var/lib/kubelet',
    '/x',
  ].map((path) => [['volumes', END], [{ name: 'more', hostPath: { path } }]] as const),
  ...['nfs', 'iscsi', 'csi', 'rbd', 'cephfs', 'gitRepo', 'flexVolume', 'somethingNew'].map(
    (kind) => [['volumes', END], [{ name: 'more', [kind]: {} }]] as const,
  ),
];

/** Below `spec`, where a container has no profile of its own. */
const ofPodsProfile: readonly (readonly [path: Path, values: readonly unknown[]])[] = [
  [
    ['securityContext', 'seccompProfile'],
    [{ type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'x' }],
  ],
];

/** Of each container but the barrier. */
const ofContainer: readonly (readonly [path: Path, values: readonly unknown[]])[] = [
  [['securityContext', 'privileged'], [true]],
  [
    ['securityContext', 'procMount'],
    ['Unmasked', 'x'],
  ],
  [
    ['securityContext', 'seccompProfile'],
    [{ type: 'Unconfined' }, { type: 'Localhost' }, { type: '' }],
  ],
  [
    ['securityContext', 'capabilities', 'drop'],
    [undefined, [], ['KILL'], ['net_raw'], ['CAP_NET_RAW']],
  ],
  [
    ['securityContext', 'capabilities', 'add'],
    [
      'NET_ADMIN',
      'NET_RAW',
      'SYS_ADMIN',
      'SYS_PTRACE',
      'SYS_MODULE',
      'BPF',
      'PERFMON',
      'ALL',
      'CAP_SYS_ADMIN',
      'bpf',
      '',
    ].map((name) => [name]),
  ],
  [['livenessProbe'], [{ httpGet: { host: 'x.example.com', port: 1 } }]],
  [['readinessProbe'], [{ tcpSocket: { host: 'x.example.com', port: 1 } }]],
  [['startupProbe'], [{ httpGet: { host: '::1', port: 1 } }]],
  [['lifecycle', 'postStart'], [{ httpGet: { host: 'x.example.com', port: 1 } }]],
  [['lifecycle', 'preStop'], [{ tcpSocket: { host: 'x.example.com', port: 1 } }]],
];

/** Of the barrier. */
const ofBarrier: readonly (readonly [path: Path, values: readonly unknown[]])[] = [
  [['name'], ['other', '', 'torwacht-barrier ']],
  [
    ['image'],
    [
      undefined,
      '',
      'busybox',
      'registry.example.com/torwacht-barrier',
      'registry.example.com/torwacht-barrier2:1',
    ],
  ],
  [['command'], [['true'], ['/bin/sh', '-c', 'exit 0']]],
  [['args'], [['--help'], ['']]],
  [
    ['env'],
    [[{ name: 'LD_PRELOAD', value: 'x' }], [{ name: 'TORWACHT_BARRIER_DEADLINE', value: '60m' }]],
  ],
  ...[
    'envFrom',
    'ports',
    'volumeDevices',
    'livenessProbe',
    'readinessProbe',
    'startupProbe',
    'lifecycle',
    'restartPolicy',
    'restartPolicyRules',
    'stdin',
    'stdinOnce',
    'tty',
    'workingDir',
    'somethingNew',
  ].map((field) => [[field], [field === 'restartPolicy' ? 'Always' : {}]] as const),
  [
    ['volumeMounts'],
    [[{ name: 'scripts', mountPath: '/' }], [{ name: 'x', mountPath: '/torwacht-barrier' }]],
  ],
  [['resources'], [{ claims: [{ name: 'gpu' }] }]],
  [['terminationMessagePath'], ['/torwacht-barrier', '']],
  [['securityContext'], [undefined, {}]],
  [
    ['securityContext', 'runAsNonRoot'],
    [false, undefined],
  ],
  [
    ['securityContext', 'runAsUser'],
    [0, 1],
  ],
  [
    ['securityContext', 'privileged'],
    [true, false],
  ],
  [
    ['securityContext', 'allowPrivilegeEscalation'],
    [true, undefined],
  ],
  [
    ['securityContext', 'readOnlyRootFilesystem'],
    [false, undefined],
  ],
  [
    ['securityContext', 'capabilities'],
    [{}, { drop: [] }, { drop: ['ALL'], add: ['CHOWN'] }, undefined],
  ],
  [['securityContext', 'seccompProfile'], [{ type: 'Unconfined' }]],
  [['securityContext', 'procMount'], ['Unmasked']],
  [['securityContext', 'seLinuxOptions'], [{ type: 'spc_t' }]],
  [['securityContext', 'somethingNew'], [1]],
];

const harmlessOfContainer: readonly (readonly [path: Path, values: readonly unknown[]])[] = [
  [['image'], ['registry.example.com/other:3']],
  [['command'], [['sleep', '1']]],
  [['env'], [[{ name: 'A', value: 'b' }]]],
  [['resources'], [{ limits: { cpu: '1' } }]],
  [
    ['securityContext', 'runAsUser'],
    [0, 1000],
  ],
  [
    ['securityContext', 'capabilities', 'drop'],
    [['ALL'], ['NET_RAW', 'KILL']],
  ],
  [
    ['securityContext', 'capabilities', 'add'],
    [['CHOWN'], []],
  ],
  [['securityContext', 'seccompProfile'], [{ type: 'RuntimeDefault' }]],
  [['livenessProbe'], [{ httpGet: { port: 1 } }, { exec: { command: ['true'] } }]],
  [['somethingNew'], [{}]],
];

/** Every one that is possible in this pod. */
export function unsafe(pod: Pod): readonly Mutation[] {
  const [, ...inits] = pod.spec.initContainers ?? [];
  return [
    ...expand(['spec'], ofPod),
    ...(inherits(pod) ? expand(['spec'], ofPodsProfile) : []),
    ...expand(['spec', 'initContainers', 0], ofBarrier),
    ...inits.flatMap((_, index) => expand(['spec', 'initContainers', index + 1], ofContainer)),
    ...pod.spec.containers.flatMap((_, index) =>
      expand(['spec', 'containers', index], ofContainer),
    ),
  ];
}

function inherits({ spec: { initContainers = [], containers } }: Pod): boolean {
  return [...initContainers, ...containers].some(
    ({ securityContext }) => securityContext?.seccompProfile === undefined,
  );
}

export function harmless(pod: Pod): readonly Mutation[] {
  return pod.spec.containers.flatMap((_, index) =>
    expand(['spec', 'containers', index], harmlessOfContainer),
  );
}

function expand(root: Path, list: readonly (readonly [path: Path, values: readonly unknown[]])[]) {
  return list.flatMap(([path, values]) =>
    values.map((value) => ({
      what: `${[...root, ...path].join('.')} = ${JSON.stringify(value)}`,
      path: [...root, ...path],
      value,
    })),
  );
}

export function mutated(pod: Pod, { path, value }: Mutation): Pod {
  // A list takes one entry more at its end, wherever that is.
  const list = path.indexOf(END);
  const at = list < 0 ? path : [...path.slice(0, list), pod.spec.volumes?.length ?? 0];
  return changed(pod, at, value);
}
