/** Pods that have too much of the node. */
import { buildWith, specWith, withVolume } from '../pods.ts';
import type { Row } from '../row.ts';

export const refusedNode: readonly Row[] = [
  { what: 'the node’s network', pod: specWith('hostNetwork', true), code: 'TW_ADMIT_HOST_NETWORK' },
  { what: 'the node’s processes', pod: specWith('hostPID', true), code: 'TW_ADMIT_HOST_PID' },
  { what: 'the node’s memory segments', pod: specWith('hostIPC', true), code: 'TW_ADMIT_HOST_IPC' },
  {
    what: 'shared processes',
    pod: specWith('shareProcessNamespace', true),
    code: 'TW_ADMIT_SHARED_PROCESSES',
  },
  {
    what: 'a runtime class',
    pod: specWith('runtimeClassName', 'sandboxed'),
    code: 'TW_ADMIT_RUNTIME_CLASS',
  },
  {
    what: 'a runtime class beside the allowed one',
    under: 'some',
    pod: specWith('runtimeClassName', 'other'),
    code: 'TW_ADMIT_RUNTIME_CLASS',
  },
  {
    what: 'another operating system',
    pod: specWith('os', { name: 'windows' }),
    code: 'TW_ADMIT_OPERATING_SYSTEM',
    impossible: true,
  },
  {
    what: 'the runtime’s socket',
    pod: withVolume({ hostPath: { path: '/run/containerd/containerd.sock' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'the cgroup file system',
    pod: withVolume({ hostPath: { path: '/sys/fs/cgroup' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'the BPF file system',
    pod: withVolume({ hostPath: { path: '/sys/fs/bpf' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'the node’s root',
    pod: withVolume({ hostPath: { path: '/' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'a folder whose name begins like an allowed one',
    under: 'some',
    pod: withVolume({ hostPath: { path: '/var/cache/jobs2' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'the folder above an allowed one',
    under: 'some',
    pod: withVolume({ hostPath: { path: '/var/cache' } }),
    code: 'TW_ADMIT_HOST_PATH',
  },
  {
    what: 'steps back from an allowed folder',
    under: 'some',
    pod: withVolume({ hostPath: { path: '/var/cache/jobs/../../..' } }),
    code: 'TW_ADMIT_HOST_PATH',
    impossible: true,
  },
  {
    what: 'nfs',
    pod: withVolume({ nfs: { server: 'files.example.com', path: '/' } }),
    code: 'TW_ADMIT_VOLUME',
  },
  {
    what: 'iscsi',
    pod: withVolume({
      iscsi: { targetPortal: '192.0.2.7:3260', iqn: 'iqn.2026-11.com.example:x', lun: 0 },
    }),
    code: 'TW_ADMIT_VOLUME',
  },
  {
    what: 'an inline csi volume',
    pod: withVolume({
      csi: { driver: 'nfs.csi.k8s.io', volumeAttributes: { server: 'files.example.com' } },
    }),
    code: 'TW_ADMIT_VOLUME',
  },
  {
    what: 'a liveness probe of another host',
    pod: buildWith(['livenessProbe'], { httpGet: { port: 80, host: 'evil.example.com' } }),
    code: 'TW_ADMIT_NODE_REQUESTS',
  },
  {
    what: 'a readiness probe of another host by TCP',
    pod: buildWith(['readinessProbe'], { tcpSocket: { port: 80, host: '198.51.100.7' } }),
    code: 'TW_ADMIT_NODE_REQUESTS',
  },
  {
    what: 'a startup probe of another host',
    pod: buildWith(['startupProbe'], { httpGet: { port: 80, host: 'evil.example.com' } }),
    code: 'TW_ADMIT_NODE_REQUESTS',
  },
  {
    what: 'a hook that asks another host',
    pod: buildWith(['lifecycle'], {
      postStart: { httpGet: { port: 80, host: 'evil.example.com' } },
    }),
    code: 'TW_ADMIT_NODE_REQUESTS',
  },
  {
    what: 'a hook at the end that asks another host',
    pod: buildWith(['lifecycle'], { preStop: { httpGet: { port: 80, host: 'evil.example.com' } } }),
    code: 'TW_ADMIT_NODE_REQUESTS',
  },
];
