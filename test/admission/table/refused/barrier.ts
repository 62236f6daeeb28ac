/** Pods whose barrier is not the one, not first, or not there. */
import {
  barrier,
  barrierSecurity,
  barrierWith,
  changed,
  gatedJob,
  job,
  specWith,
  switchedOff,
  unpatchedJob,
  withInit,
} from '../pods.ts';
import type { Row } from '../row.ts';

const confined = { capabilities: { drop: ['NET_RAW'] } };
const MISSING = 'TW_ADMIT_BARRIER_MISSING';

const security = (change: object) => ({ ...barrierSecurity, ...change });
const place: readonly Row[] = [
  { what: 'a job as the runner makes it without us', pod: unpatchedJob, code: MISSING },
  { what: 'a job whose author switched the flag off', pod: switchedOff, code: MISSING },
  { what: 'no init container at all', pod: specWith('initContainers', undefined), code: MISSING },
  {
    what: 'the barrier’s name in another case',
    pod: barrierWith('name', 'torwacht-barrier2'),
    code: MISSING,
  },
  {
    what: 'the barrier among the containers',
    pod: specWith('containers', [barrier, ...unpatchedJob.spec.containers], unpatchedJob),
    code: MISSING,
  },
  {
    what: 'an init container before the barrier',
    pod: withInit(0, {
      name: 'early',
      image: 'registry.example.com/tool:1',
      securityContext: confined,
    }),
    code: 'TW_ADMIT_BARRIER_NOT_FIRST',
  },
  {
    what: 'the barrier last',
    pod: specWith('initContainers', [...(job.spec.initContainers ?? [])].reverse()),
    code: 'TW_ADMIT_BARRIER_NOT_FIRST',
  },
];

const IMAGE = 'TW_ADMIT_BARRIER_IMAGE';
const COMMAND = 'TW_ADMIT_BARRIER_COMMAND';
const ENV = 'TW_ADMIT_BARRIER_ENV';
const SECURITY = 'TW_ADMIT_BARRIER_SECURITY';
const MOUNTS = 'TW_ADMIT_BARRIER_MOUNTS';
const FIELDS = 'TW_ADMIT_BARRIER_FIELDS';
const scripts = [{ name: 'scripts', mountPath: '/torwacht-barrier' }];
const gateEnv = (value: unknown) => changed(gatedJob, ['spec', 'initContainers', 0, 'env'], value);
const fields: readonly Row[] = [
  { what: 'another image as barrier', pod: barrierWith('image', 'busybox:1'), code: IMAGE },
  {
    what: 'an image whose name begins like an allowed one',
    pod: barrierWith('image', 'registry.example.com/torwacht-barrier-evil:1'),
    code: IMAGE,
  },
  {
    what: 'another digest',
    pod: barrierWith('image', `registry.example.com/torwacht-barrier@sha256:${'b2'.repeat(32)}`),
    code: IMAGE,
  },
  {
    what: 'an image of the same name elsewhere',
    pod: barrierWith('image', 'registry.example.org/torwacht-barrier:1'),
    code: IMAGE,
  },
  {
    what: 'another image, later',
    phase: 'update',
    before: job,
    pod: barrierWith('image', 'busybox:1'),
    code: IMAGE,
  },
  {
    what: 'a tag where the binding has a digest alone',
    under: 'words',
    pod: barrierWith('image', 'registry.example.com/torwacht-barrier:1', gatedJob),
    code: IMAGE,
  },
  { what: 'a command', pod: barrierWith('command', ['true']), code: COMMAND },
  { what: 'arguments', pod: barrierWith('args', ['--deadline', '60m']), code: COMMAND },
  {
    what: 'other arguments than the binding’s',
    under: 'words',
    pod: barrierWith('args', ['--deadline', '60m'], gatedJob),
    code: COMMAND,
  },
  {
    what: 'the binding’s arguments left out',
    under: 'words',
    pod: barrierWith('args', undefined, gatedJob),
    code: COMMAND,
  },
  {
    what: 'the binding’s command with one word more',
    under: 'words',
    pod: barrierWith('command', ['/torwacht-barrier', '-h'], gatedJob),
    code: COMMAND,
  },
  {
    what: 'a variable',
    pod: barrierWith('env', [{ name: 'LD_PRELOAD', value: '/x.so' }]),
    code: ENV,
  },
  {
    what: 'variables from a ConfigMap',
    pod: barrierWith('envFrom', [{ configMapRef: { name: 'x' } }]),
    code: FIELDS,
  },
  {
    what: 'a variable less than the binding’s',
    under: 'words',
    pod: gateEnv([{ name: 'TORWACHT_BARRIER_INTERVAL', value: '100ms' }]),
    code: ENV,
  },
  {
    what: 'another value than the binding’s',
    under: 'words',
    pod: gateEnv([{ name: 'TORWACHT_BARRIER_INTERVAL', value: '1ms' }, { name: 'EMPTY' }]),
    code: ENV,
  },
  {
    what: 'another order than the binding’s',
    under: 'words',
    pod: gateEnv([{ name: 'EMPTY' }, { name: 'TORWACHT_BARRIER_INTERVAL', value: '100ms' }]),
    code: ENV,
  },
  {
    what: 'an empty variable from elsewhere',
    under: 'words',
    pod: gateEnv([
      { name: 'TORWACHT_BARRIER_INTERVAL', value: '100ms' },
      { name: 'EMPTY', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ]),
    code: ENV,
  },
  { what: 'no security context', pod: barrierWith('securityContext', undefined), code: SECURITY },
  {
    what: 'the barrier as root',
    pod: barrierWith('securityContext', security({ runAsNonRoot: false, runAsUser: 0 })),
    code: SECURITY,
  },
  {
    what: 'the barrier with a writable root',
    pod: barrierWith('securityContext', security({ readOnlyRootFilesystem: false })),
    code: SECURITY,
  },
  {
    what: 'the barrier with its capabilities',
    pod: barrierWith('securityContext', security({ capabilities: { drop: ['NET_RAW'] } })),
    code: SECURITY,
  },
  {
    what: 'the barrier with one capability more',
    pod: barrierWith(
      'securityContext',
      security({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }),
    ),
    code: SECURITY,
  },
  {
    what: 'the barrier under another user',
    pod: barrierWith('securityContext', security({ runAsUser: 1000 })),
    code: SECURITY,
  },
  {
    what: 'the barrier with SELinux options',
    pod: barrierWith('securityContext', security({ seLinuxOptions: { type: 'spc_t' } })),
    code: SECURITY,
  },
  {
    what: 'a volume over the barrier’s binary',
    pod: barrierWith('volumeMounts', scripts),
    code: MOUNTS,
  },
  {
    what: 'a folder of a volume where the token is',
    pod: barrierWith('volumeMounts', [
      { name: 'scripts', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', subPath: 'x' },
    ]),
    code: MOUNTS,
  },
  {
    what: 'a volume with execution elsewhere in the barrier',
    pod: barrierWith('volumeMounts', [{ name: 'repo', mountPath: '/lib' }]),
    code: MOUNTS,
  },
  {
    what: 'a barrier that is a sidecar',
    pod: barrierWith('restartPolicy', 'Always'),
    code: FIELDS,
  },
  { what: 'a barrier with a working folder', pod: barrierWith('workingDir', '/tmp'), code: FIELDS },
  { what: 'a barrier with a terminal', pod: barrierWith('tty', true), code: FIELDS },
  { what: 'a barrier with standard input', pod: barrierWith('stdin', true), code: FIELDS },
  {
    what: 'a barrier with a port',
    pod: barrierWith('ports', [{ containerPort: 80, protocol: 'TCP' }]),
    code: FIELDS,
  },
  {
    what: 'a barrier with a hook',
    pod: barrierWith('lifecycle', { postStart: { exec: { command: ['true'] } } }),
    code: FIELDS,
    impossible: true,
  },
  {
    what: 'a barrier with a probe',
    pod: barrierWith('startupProbe', { exec: { command: ['true'] } }),
    code: FIELDS,
    impossible: true,
  },
  {
    what: 'a termination log over the barrier’s binary',
    pod: barrierWith('terminationMessagePath', '/torwacht-barrier'),
    code: FIELDS,
  },
];

export const refusedBarrier: readonly Row[] = [...place, ...fields];
