/** Pods that do one thing and end, and what there is to know of them then. */
import { imageTag } from './images/images.ts';
import type { Kubectl } from './kubectl.ts';
import { waitFor } from './wait.ts';

export interface PodPlan {
  readonly command: readonly string[];
  /** `busybox` of the test images unless told; it must be loaded. */
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Containers that run to their end before it, in order. */
  readonly init?: readonly object[];
  /** Further fields of the container, and of the pod. */
  readonly container?: object;
  readonly spec?: object;
}

export interface EndedPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** The first container's exit code. */
  readonly code: number;
  /** What the first container wrote, standard error too. */
  readonly log: string;
}

/** How a pod looks that runs `plan`: restarted never, gone a second after it is deleted. */
export function podManifest(namespace: string, name: string, plan: PodPlan) {
  const image = plan.image ?? imageTag('busybox');
  const main = { name: 'main', image, imagePullPolicy: 'Never', command: plan.command };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: plan.labels ?? {} },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      initContainers: plan.init ?? [],
      containers: [{ ...main, ...plan.container }],
      ...plan.spec,
    },
  };
}

interface Status {
  readonly metadata: { readonly uid: string };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly state: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

/** Waits until a pod has run to its end, well or not. @throws TW_CLUSTER_LATE */
export async function untilEnded(
  kubectl: Kubectl,
  namespace: string,
  name: string,
): Promise<EndedPod> {
  const at = [`--namespace=${namespace}`];
  const pod = await waitFor(`pod ${name} has ended`, async () => {
    const found = JSON.parse(await kubectl(['get', 'pod', name, ...at, '-o', 'json'])) as Status;
    return /^(Succeeded|Failed)$/.test(found.status.phase ?? '') && found;
  });
  return {
    name,
    uid: pod.metadata.uid,
    ip: pod.status.podIP ?? '',
    code: pod.status.containerStatuses?.[0]?.state.terminated?.exitCode ?? -1,
    log: await kubectl(['logs', name, ...at]),
  };
}
