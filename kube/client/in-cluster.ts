/** The service account of the pod that we run in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import { KubeError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { rereadFile } from './reread.ts';

const defaultFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

/** @throws KUBE_CONFIG outside of a pod */
export function inCluster(options: InClusterOptions = {}): Connection {
  const { folder = defaultFolder, environment = process.env, clock = systemClock } = options;
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new KubeError('KUBE_CONFIG', 'This is no pod: KUBERNETES_SERVICE_HOST is not set.');
  }
  const ca = rereadFile(join(folder, 'ca.crt'), clock);
  const token = rereadFile(join(folder, 'token'), clock);
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: readNamespace(join(folder, 'namespace')),
    security: async (refused) => ({
      ca: await ca(refused),
      token: (await token(refused)).trim(),
    }),
  };
}

function readNamespace(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new KubeError('KUBE_CONFIG', `This pod has no service account: ${path} cannot be read.`, {
      cause,
    });
  }
}
