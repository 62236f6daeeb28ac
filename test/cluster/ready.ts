/** Is a cluster ready for work? Asked of the API server itself. */
import { get } from './api.ts';
import { NODE_NAME, type Place } from './names.ts';

/** The node is Ready and so is its DNS. */
export async function ready(at: Place, port: number): Promise<boolean> {
  const node = await read<Conditions>(at, port, `/api/v1/nodes/${NODE_NAME}`);
  if (!node?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) {
    return false;
  }
  const dns = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
  return ((await read<Replicas>(at, port, dns))?.status.readyReplicas ?? 0) > 0;
}

interface Conditions {
  readonly status: { readonly conditions?: readonly { type: string; status: string }[] };
}

interface Replicas {
  readonly status: { readonly readyReplicas?: number };
}

async function read<T>(at: Place, port: number, path: string): Promise<T | undefined> {
  try {
    const { status, body } = await get(at, port, path);
    return status === 200 ? (JSON.parse(body) as T) : undefined;
  } catch {
    return undefined;
  }
}
