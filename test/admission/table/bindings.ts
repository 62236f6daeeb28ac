/** The bindings that the table's pods meet, each in a namespace of its own name. */
import { exceptionKinds } from '#api/admission.ts';
import { type RunnerBinding, runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';

export const DIGEST = `registry.example.com/torwacht-barrier@sha256:${'a1'.repeat(32)}`;

const runners = [
  { serviceAccount: 'gitlab-runner' },
  { serviceAccount: 'fleet', namespace: 'runners' },
];
const barrier = {
  images: [DIGEST, 'registry.example.com/torwacht-barrier:*', 'mirror.example.com/torwacht/*'],
};

const specs = {
  plain: {
    runners,
    barrier,
    exempt: [
      {
        serviceAccount: 'gitlab-runner',
        controller: { kind: 'Deployment', name: 'gitlab-runner' },
      },
      { serviceAccount: 'nightly', controller: { kind: 'CronJob', name: 'nightly' } },
      { serviceAccount: 'logs', controller: { kind: 'DaemonSet', name: 'logs' } },
    ],
  },
  some: {
    runners,
    barrier,
    guard: {
      capabilities: ['SYS_PTRACE', 'CHOWN'],
      runtimeClasses: ['sandboxed'],
      seccompProfiles: ['profiles/torwacht.json'],
      seccompByDefault: true,
      hostPaths: ['/var/cache/jobs'],
      exec: 'Runners',
      exceptions: [
        { allow: 'Privileged', reason: 'builds images, until they move', projects: ['42', '7'] },
      ],
    },
  },
  open: {
    runners,
    barrier,
    guard: {
      capabilities: ['NET_RAW'],
      exceptions: Object.keys(exceptionKinds).map((allow) => ({
        allow,
        reason: 'the table of tests',
      })),
    },
  },
  words: {
    runners,
    barrier: {
      name: 'gate',
      images: [DIGEST],
      command: ['/torwacht-barrier'],
      args: ['--deadline', '60s'],
      env: [
        { name: 'TORWACHT_BARRIER_INTERVAL', value: '100ms' },
        { name: 'EMPTY', value: '' },
      ],
      securityContext: {
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    },
  },
  labels: { runners, barrier, selector: { podLabels: { team: 'shop' } } },
  bare: { runners },
} as const;

export type BindingName = keyof typeof specs | 'none';
export const bindingNames = [...Object.keys(specs), 'none'] as readonly BindingName[];

function bindingOf(name: keyof typeof specs): RunnerBinding {
  const metadata = { name: 'runners', namespace: name };
  return runnerBindingSchema.parse({
    apiVersion,
    kind: 'RunnerBinding',
    metadata,
    spec: specs[name],
  });
}

/** As people write them: what they leave out is for the API server to fill in. */
export function written(name: BindingName): object | null {
  if (name === 'none') return null;
  const metadata = { name: 'runners', namespace: name };
  return { apiVersion, kind: 'RunnerBinding', metadata, spec: specs[name] };
}

export function bindingsOf(name: BindingName): readonly RunnerBinding[] {
  return name === 'none' ? [] : [bindingOf(name)];
}
