/**
 * Pods whose containers send to a denied address before they do anything else (first.c of the test images),
 * one address for each pod, and what became of them.
 */
import type { Cluster } from '../cluster/cluster.ts';
import { imageTag } from '../cluster/images/images.ts';
import { waitFor } from '../cluster/wait.ts';
import type { Lab } from '../lab/lab.ts';

export interface FirstPlan {
  readonly namespace: string;
  readonly count: number;
  /** False: the control, which starts whether it is held or not. */
  readonly barrier: boolean;
  /** The barrier's; a duration as it reads it. */
  readonly deadline?: string;
  /** How often each container sends by each way. */
  readonly rounds?: number;
  /** The first of their addresses in 198.51.100.0/24. */
  readonly from?: number;
}

export interface FirstPod {
  readonly name: string;
  readonly address: string;
  readonly phase: string;
  /** What the barrier left in the termination log; undefined where it has not ended, or where none is. */
  readonly barrier: { readonly code: string; readonly exit: number } | undefined;
  /** Exit codes of the containers that send, in order; undefined for one that never began. */
  readonly sent: readonly (number | undefined)[];
}

const BARRIER = 'torwacht-barrier';

export async function loadFirst(cluster: Cluster): Promise<void> {
  await cluster.image('first');
  await cluster.image('barrier');
}

/** Makes them all at once, and gives their names. */
export async function createFirst(cluster: Cluster, plan: FirstPlan): Promise<void> {
  const { count, from = 1 } = plan;
  await cluster.apply(Array.from({ length: count }, (_, i) => manifest(plan, from + i)));
}

function manifest(plan: FirstPlan, number: number) {
  const { namespace, barrier, deadline = '120s', rounds = 20 } = plan;
  const address = `198.51.100.${number}`;
  const send = (name: string) => ({
    name,
    image: imageTag('first'),
    imagePullPolicy: 'Never',
    args: [address, `${rounds}`, ...(barrier ? [] : ['free'])],
  });
  const held = {
    name: BARRIER,
    image: imageTag('barrier'),
    imagePullPolicy: 'Never',
    args: ['--deadline', deadline],
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `first-${number}`, namespace, annotations: { address } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      initContainers: [...(barrier ? [held] : []), send('init')],
      containers: [send('build'), send('helper')],
    },
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state: {
    readonly running?: object;
    readonly terminated?: { readonly exitCode: number; readonly message?: string };
  };
}

interface Listed {
  readonly metadata: { readonly name: string; readonly annotations: { readonly address: string } };
  readonly status: {
    readonly phase?: string;
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export async function lookAtFirst(cluster: Cluster, namespace: string): Promise<FirstPod[]> {
  const text = await cluster.kubectl(['get', 'pods', `--namespace=${namespace}`, '-o', 'json']);
  return (JSON.parse(text) as { items: Listed[] }).items.map(read);
}

function read({ metadata, status }: Listed): FirstPod {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const barrier = all.find(({ name }) => name === BARRIER)?.state.terminated;
  return {
    name: metadata.name,
    address: metadata.annotations.address,
    phase: status.phase ?? '',
    barrier: barrier && {
      code: barrier.message ? (JSON.parse(barrier.message) as { code: string }).code : '',
      exit: barrier.exitCode,
    },
    sent: all.filter(({ name }) => name !== BARRIER).map(({ state }) => state.terminated?.exitCode),
  };
}

/** Waits until all pods of the namespace have run to their end, well or not. */
export async function untilFirstEnded(
  cluster: Cluster,
  namespace: string,
  seconds = 600,
): Promise<FirstPod[]> {
  return await waitFor(
    `all pods of ${namespace} have ended`,
    async () => {
      const pods = await lookAtFirst(cluster, namespace);
      return pods.every(({ phase }) => /^(Succeeded|Failed)$/.test(phase)) && pods;
    },
    { seconds, everyMs: 1000 },
  );
}

/** Waits until so many barriers of the namespace run. */
export async function untilBarriers(cluster: Cluster, namespace: string, count: number) {
  await waitFor(`${count} barriers run`, async () => {
    const text = await cluster.kubectl(['get', 'pods', `--namespace=${namespace}`, '-o', 'json']);
    const pods = (JSON.parse(text) as { items: Listed[] }).items;
    const runs = ({ status }: Listed): boolean =>
      (status.initContainerStatuses ?? []).some(
        ({ name, state }) => name === BARRIER && state.running !== undefined,
      );
    return pods.filter(runs).length >= count;
  });
}

/** Packets that arrived for the pods' addresses, by protocol. */
export function strays(internet: Lab): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { address, protocol, port, packets } of internet.arrivals()) {
    if (!address.startsWith('198.51.100.') || port !== undefined) continue;
    found[protocol] = (found[protocol] ?? 0) + packets;
  }
  return found;
}
