/** Pods that are let in because of what their binding says. */
import { buildWith, changed, gatedJob, labelled, specWith, withVolume } from './pods.ts';
import type { Row } from './row.ts';

export const byBinding: readonly Row[] = [
  {
    what: 'command, arguments and variables as the binding says',
    under: 'words',
    pod: gatedJob,
    code: null,
  },
  {
    what: 'an empty variable written out',
    under: 'words',
    pod: changed(gatedJob, ['spec', 'initContainers', 0, 'env', 1, 'value'], ''),
    code: null,
  },
  {
    what: 'a pod that the binding’s labels select',
    under: 'labels',
    pod: labelled('team', 'shop'),
    code: null,
  },
  {
    what: 'an allowed runtime class',
    under: 'some',
    pod: specWith('runtimeClassName', 'sandboxed'),
    code: null,
  },
  {
    what: 'an allowed capability',
    under: 'some',
    pod: buildWith(['securityContext', 'capabilities', 'add'], ['SYS_PTRACE']),
    code: null,
  },
  {
    what: 'no profile where nodes have one by default',
    under: 'some',
    pod: specWith('securityContext', {}),
    code: null,
  },
  {
    what: 'an allowed profile of the node',
    under: 'some',
    pod: buildWith(['securityContext', 'seccompProfile'], {
      type: 'Localhost',
      localhostProfile: 'profiles/torwacht.json',
    }),
    code: null,
  },
  {
    what: 'an allowed folder of the node',
    under: 'some',
    pod: withVolume({ hostPath: { path: '/var/cache/jobs' } }),
    code: null,
  },
  {
    what: 'a folder below an allowed one',
    under: 'some',
    pod: withVolume({ hostPath: { path: '/var/cache/jobs/npm' } }),
    code: null,
  },
  {
    what: 'privileged in a project with an exception',
    under: 'some',
    pod: buildWith(['securityContext', 'privileged'], true),
    code: null,
  },
  {
    what: 'NET_RAW where the binding allows it',
    under: 'open',
    pod: buildWith(['securityContext', 'capabilities'], { add: ['NET_RAW'] }),
    code: null,
  },
  {
    what: 'the node’s network by exception',
    under: 'open',
    pod: specWith('hostNetwork', true),
    code: null,
  },
  {
    what: 'the node’s processes by exception',
    under: 'open',
    pod: specWith('hostPID', true),
    code: null,
  },
  {
    what: 'the node’s memory by exception',
    under: 'open',
    pod: specWith('hostIPC', true),
    code: null,
  },
  {
    what: 'shared processes by exception',
    under: 'open',
    pod: specWith('shareProcessNamespace', true),
    code: null,
  },
  {
    what: 'any capability by exception',
    under: 'open',
    pod: buildWith(['securityContext', 'capabilities'], { add: ['SYS_ADMIN'] }),
    code: null,
  },
  {
    what: 'no profile by exception',
    under: 'open',
    pod: buildWith(['securityContext', 'seccompProfile'], { type: 'Unconfined' }),
    code: null,
  },
  {
    what: 'a socket of the node by exception',
    under: 'open',
    pod: withVolume({ hostPath: { path: '/run/containerd/containerd.sock' } }),
    code: null,
  },
  {
    what: 'nfs by exception',
    under: 'open',
    pod: withVolume({ nfs: { server: 'files.example.com', path: '/' } }),
    code: null,
  },
  {
    what: 'a probe of another host by exception',
    under: 'open',
    pod: buildWith(['livenessProbe'], { httpGet: { port: 80, host: 'web.example.com' } }),
    code: null,
  },
];
