/** Clients of a test's API server. */
import { type Client, type ClientOptions, type Connection, createClient } from '#kube/index.ts';
import type { ApiServer } from '../apiserver/server.ts';
import type { Credentials } from '../cluster/node/settings.ts';

export function connectionOf(
  api: ApiServer,
  credentials: Credentials = api.admin,
  server = api.url,
): Connection {
  const known =
    'token' in credentials
      ? { token: credentials.token }
      : { clientCertificate: credentials.certificate, clientKey: credentials.key };
  return {
    server,
    namespace: 'default',
    security: async () => ({ ca: api.authority, ...known }),
  };
}

export function clientOf(api: ApiServer, options: Partial<ClientOptions> = {}): Client {
  return createClient(connectionOf(api), { fieldManager: 'kube-test', ...options });
}
