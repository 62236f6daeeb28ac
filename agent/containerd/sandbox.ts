/** What containerd's CRI plugin keeps of a pod's sandbox, read as the sandbox that everybody below knows. */
import { failure } from '#api/error.ts';
import type { Sandbox } from '../watch/watcher.ts';
import { errors } from './errors.ts';
import type { Container } from './gen/containers.ts';

/** Labels and extensions of containerd's CRI plugin (internal/cri/labels, internal/cri/store). */
const KIND = 'io.cri-containerd.kind';
const METADATA = 'io.cri-containerd.sandbox.metadata';
const POD = 'io.kubernetes.pod';

export function isSandbox(container: Pick<Container, 'labels'>): boolean {
  return container.labels[KIND] === 'sandbox';
}

/** The uid of the pod that a container is of; empty where its record names none. */
export function podOf({ labels }: Pick<Container, 'labels'>): string {
  return labels[`${POD}.uid`] ?? '';
}

interface Spec {
  readonly linux?: {
    readonly cgroupsPath?: string;
    readonly namespaces?: readonly { readonly type: string; readonly path?: string }[];
  };
}

interface Metadata {
  readonly Metadata?: {
    /** There once all of the pod's networks are set up. */
    readonly IP?: string;
    readonly Config?: {
      readonly annotations?: Record<string, string>;
      readonly dns_config?: { readonly searches?: readonly string[] };
    };
  };
}

/** @throws TW_CONTAINERD_SANDBOX when its record lacks what a sandbox must have */
export function readSandbox(container: Container, pid: number): Sandbox {
  return { ...readRecord(container).sandbox, pid, netns: `/proc/${pid}/ns/net` };
}

/**
 * A sandbox that has no process yet, where its network is set up: before that, its namespace has no links that could be
 * held. `runtime` is the process to whom its path there is one.
 * @throws TW_CONTAINERD_SANDBOX
 */
export function readPrepared(container: Container, runtime: number): Sandbox | null {
  const { sandbox, networkPath, address } = readRecord(container);
  if (networkPath === '' || address === '') return null;
  // A link in the runtime's root would be followed in ours; this one is wherever systemd is.
  const there = networkPath.replace(/^\/var\/run\//, '/run/');
  return { ...sandbox, pid: null, netns: `/proc/${runtime}/root${there}` };
}

/** What does not depend on its process, and where and whether its network is set up. */
function readRecord(container: Container) {
  const { id, labels } = container;
  const spec = parse<Spec>(container.spec?.value, id, 'spec');
  const metadata = container.extensions[METADATA];
  const record =
    metadata === undefined ? undefined : parse<Metadata>(metadata.value, id, 'metadata');
  const config = record?.Metadata?.Config;
  const network = spec.linux?.namespaces?.find(({ type }) => type === 'network');
  return {
    networkPath: network?.path ?? '',
    address: record?.Metadata?.IP ?? '',
    sandbox: {
      id,
      namespace: needed(labels[`${POD}.namespace`], id, 'namespace'),
      name: needed(labels[`${POD}.name`], id, 'pod name'),
      uid: needed(labels[`${POD}.uid`], id, 'pod uid'),
      labels,
      annotations: config?.annotations ?? {},
      searches: (config?.dns_config?.searches ?? []).map((ending) => ending.toLowerCase()),
      hostNetwork: network === undefined,
      cgroup: cgroupIn(spec, id),
    },
  };
}

/** The cgroup above a container's own. @throws TW_CONTAINERD_SANDBOX */
export function cgroupOf({ id, spec }: Pick<Container, 'id' | 'spec'>): string {
  return cgroupIn(parse<Spec>(spec?.value, id, 'spec'), id);
}

function cgroupIn({ linux }: Spec, id: string): string {
  if (linux?.cgroupsPath === undefined) throw failure(errors.sandbox, { id, what: 'cgroup' });
  return parentOf(linux.cgroupsPath);
}

/**
 * The cgroup above a container's own, in both forms of the OCI runtime specification's cgroupsPath: a path
 * (cgroupfs), or `slice:prefix:name` (systemd), where a slice's name spells its place in the tree
 * (systemd.slice(5)).
 *
 * @example parentOf('kubepods-besteffort-podx.slice:cri-containerd:1') ===
 *   '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podx.slice'
 */
export function parentOf(cgroupsPath: string): string {
  const [slice = '', prefix] = cgroupsPath.split(':');
  if (prefix === undefined) return cgroupsPath.slice(0, cgroupsPath.lastIndexOf('/')) || '/';
  const words = slice.replace(/\.slice$/, '').split('-');
  return words.map((_, at) => `/${words.slice(0, at + 1).join('-')}.slice`).join('');
}

function needed(value: string | undefined, id: string, what: string): string {
  if (!value) throw failure(errors.sandbox, { id, what });
  return value;
}

function parse<T>(bytes: Uint8Array | undefined, id: string, what: string): T {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as T;
  } catch (cause) {
    throw failure(errors.sandbox, { id, what }, cause);
  }
}
