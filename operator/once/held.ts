/** Which pods are held: those that a binding governs, and that have not ended. */
import type { RunnerBinding } from '#api/runner-binding.ts';
import {
  type Client,
  isKubeError,
  type KubeObject,
  listAll,
  type Resource,
  resource,
} from '#kube/index.ts';
import { governs } from '#policy/select.ts';
import { namespacesOf } from '../bundles/world.ts';
import { runnerBindings } from '../resources.ts';

export interface Pod extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string };
}

export const pods = resource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
});

const ended = new Set(['Succeeded', 'Failed']);

export function isHeld(pod: Pod, bindings: readonly RunnerBinding[]): boolean {
  const { namespace = '', labels = {} } = pod.metadata;
  if (ended.has(pod.status?.phase ?? '')) return false;
  return bindings.some((binding) => governs(binding, { namespace, labels }));
}

export async function heldPods(client: Client): Promise<readonly Pod[]> {
  const bindings = await listed(client, runnerBindings);
  const namespaces = new Set(bindings.flatMap((one) => namespacesOf(one)));
  const all: Pod[] = [];
  for (const namespace of namespaces) all.push(...(await listed(client, pods, { namespace })));
  return all.filter((pod) => isHeld(pod, bindings as readonly RunnerBinding[]));
}

/** All of a kind; none where the cluster does not know it. */
export async function listed<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  selectors: { readonly namespace?: string; readonly labelSelector?: string } = {},
): Promise<readonly T[]> {
  const signal = new AbortController().signal;
  try {
    return (await listAll(client, of, selectors, { signal, keep: (one) => one })).objects;
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return [];
    throw error;
  }
}
