/**
 * Asks the operator through the API server's proxy, with a token of the service account that may ask: who may make
 * one is for the cluster's RBAC to say.
 */
import { failure } from '#api/error.ts';
import { isKubeError, type KubeError, type KubeObject, resource } from '#kube/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { errors } from './errors.ts';

interface TokenRequest extends KubeObject {
  readonly spec?: { readonly audiences: readonly string[]; readonly expirationSeconds: number };
  readonly status?: { readonly token?: string };
}

const accounts = resource<TokenRequest>({
  ...{ group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  namespaced: true,
});

/** Names that config/ gives. */
const READER = 'torwacht-reader';
const SERVICE = 'https:torwacht-answers:https';
const AUDIENCE = 'torwacht-operator';
/** Seconds: the least that an API server gives. */
const LASTS = 600;
/** The proxy asks any replica, and one of them leads. */
const TRIES = 12;

export interface Question {
  readonly method: 'GET' | 'POST';
  /** @example '/v1/history' */
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
}

/** @throws TW_ASK_* */
export async function askOperator(
  { client }: Cluster,
  namespace: string,
  { method, path, query }: Question,
): Promise<unknown> {
  const given = Object.entries(query).filter(
    (one): one is [string, string] => one[1] !== undefined,
  );
  const search = new URLSearchParams(given).toString();
  const place = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${SERVICE}/proxy`;
  const url = `${place}${path}${search === '' ? '' : `?${search}`}`;
  try {
    const token = await tokenOf(client, namespace);
    for (let tries = 1; ; tries += 1) {
      try {
        return await client.raw(url, { method, headers: { 'x-torwacht-token': token } });
      } catch (error) {
        if (!isKubeError(error) || error.status !== 503 || tries === TRIES) throw error;
      }
    }
  } catch (error) {
    throw isKubeError(error) ? told(error, namespace) : error;
  }
}

async function tokenOf(client: Cluster['client'], namespace: string): Promise<string> {
  const request = {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    metadata: { namespace, name: READER } as KubeObject['metadata'],
    spec: { audiences: [AUDIENCE], expirationSeconds: LASTS },
  };
  const made = await client.create(accounts, request, { subresource: 'token' });
  return made.status?.token ?? '';
}

function told(error: KubeError, namespace: string): Error {
  const fields = { namespace, reason: error.message };
  if (error.reason === 'NoHistory') return failure(errors.noHistory, fields, error);
  if (error.status === 401 || error.status === 403) return failure(errors.forbidden, fields, error);
  if (error.status === 404 || error.status === 503) return failure(errors.absent, fields, error);
  return failure(errors.failed, fields, error);
}
