/** The cluster that a run is about: its objects by kind, as kubectl would find them. */
import { failure } from '#api/error.ts';
import {
  type Client,
  createClient,
  fromKubeconfig,
  isKubeError,
  type KubeObject,
  type Resource,
  resource,
} from '#kube/index.ts';
import { errors } from '../errors.ts';
import type { JsonObject } from './schema.ts';

/** An object of any kind, whole. */
export type Thing = KubeObject & JsonObject;

export interface World {
  readonly client: Client;
  /** Programs that cases run get it as $KUBECONFIG. */
  readonly kubeconfig: string;
  /** @throws TW_E2E_KIND */
  find(apiVersion: string, kind: string): Promise<Resource<Thing>>;
}

interface Discovered {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
  }[];
}

/** Its current context. @throws KUBE_CONFIG */
export function worldOf(kubeconfig: string): World {
  const client = createClient(fromKubeconfig({ path: kubeconfig }), {
    fieldManager: 'torwacht-e2e',
  });
  return worldWith(client, kubeconfig);
}

export function worldWith(client: Client, kubeconfig: string): World {
  const known = new Map<string, Resource<Thing>>();
  return {
    client,
    kubeconfig,
    find: async (apiVersion, kind) => {
      const key = `${apiVersion} ${kind}`;
      // What is not there may come: only what is found is kept.
      const found = known.get(key) ?? (await discover(client, apiVersion, kind));
      known.set(key, found);
      return found;
    },
  };
}

async function discover(
  client: Client,
  apiVersion: string,
  kind: string,
): Promise<Resource<Thing>> {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const { resources } = await client.raw(path).then(
    (answer) => answer as Discovered,
    (error: unknown) => {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return { resources: [] };
      throw error;
    },
  );
  const own = resources.find((one) => one.kind === kind && !one.name.includes('/'));
  if (own === undefined) throw failure(errors.kind, { apiVersion, kind });
  const { name: plural, namespaced } = own;
  return resource<Thing>({ group, version, kind, plural, namespaced });
}
