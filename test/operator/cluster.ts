/** An API server with our kinds, and an operator in this process whose requests are counted. */

import {
  type Client,
  createClient,
  fromKubeconfig,
  isKubeError,
  type KubeObject,
  type Observation,
  type Resource,
} from '#kube/index.ts';
import { type Assembled, assemble, type Settings } from '#operator/operator.ts';
import { installCrds } from '../apiserver/crds.ts';
import { type ApiServer, type Ending, useApiServer } from '../apiserver/server.ts';
import { Writing } from './writing.ts';

/** Ends in the other order: an operator before the API server that it talks to. */
export function lastFirst({ after }: Ending): Ending {
  const works: (() => Promise<void>)[] = [];
  after(async () => {
    for (const work of works.toReversed()) await work();
  });
  return { after: (work) => void works.push(work) };
}

export interface TestCluster {
  readonly api: ApiServer;
  /** As the administrator, with a field manager of a test's own. */
  readonly client: Client;
  /** Puts objects there as a person would, and changes what is there. */
  readonly write: Writing;
}

export async function useCluster(ending: Ending, more = {}): Promise<TestCluster> {
  const api = await useApiServer(ending, more);
  await installCrds(api);
  const client = clientOf(api.kubeconfig, 'test');
  ending.after(async () => client.close());
  return { api, client, write: new Writing(client) };
}

export function clientOf(
  kubeconfig: string,
  fieldManager: string,
  observe?: (observation: Observation) => void,
): Client {
  const connection = fromKubeconfig({ path: kubeconfig });
  return createClient(connection, { fieldManager, ...(observe ? { observe } : {}) });
}

/** Writes that the operator sent, as `patch policybundles`. */
export class Requests {
  #writes: string[] = [];
  #reads: string[] = [];
  readonly failures: unknown[] = [];

  readonly observe = (observation: Observation): void => {
    if (observation.type === 'handled' && observation.error !== undefined) {
      this.failures.push(observation.error);
    }
    if (observation.type !== 'request') return;
    const { verb, resource } = observation;
    const list = ['get', 'list', 'watch'].includes(verb) ? this.#reads : this.#writes;
    if (resource !== 'leases') list.push(`${verb} ${resource}`);
  };

  /** Those since the last call, with how often. */
  takeWrites(): Record<string, number> {
    const taken = counted(this.#writes);
    this.#writes = [];
    return taken;
  }

  takeReads(): Record<string, number> {
    const taken = counted(this.#reads);
    this.#reads = [];
    return taken;
  }
}

function counted(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}

export interface RunningOperator extends Assembled {
  readonly requests: Requests;
  /** Drains, and resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Quick, so that no test waits for what takes minutes in a cluster. */
const pace = { gather: 20, gatherNodes: 50, progress: 100 };

export function startOperator(
  ending: Ending,
  kubeconfig: string,
  settings: Partial<Settings> = {},
): RunningOperator {
  const requests = new Requests();
  const client = clientOf(kubeconfig, 'torwacht-operator', requests.observe);
  const assembled = assemble({
    client,
    nodeSelector: 'kubernetes.io/os=linux',
    observe: requests.observe,
    ...settings,
    pace: { ...pace, ...settings.pace },
  });
  const over = new AbortController();
  const ran = assembled.operator.run(over.signal);
  const stop = async (): Promise<void> => {
    over.abort();
    await ran;
    client.close();
  };
  ending.after(stop);
  return { ...assembled, requests, stop };
}

export async function getOrNone<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  path: string,
): Promise<T | undefined> {
  const [namespace, name] = path.includes('/') ? path.split('/') : [undefined, path];
  try {
    return await client.get(of, { name: name ?? '', ...(namespace ? { namespace } : {}) });
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
    throw error;
  }
}
