import { isKubeError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { inCluster } from './in-cluster.ts';
import { fromKubeconfig, type KubeconfigOptions } from './kubeconfig.ts';

/**
 * In a pod its service account, unless a kubeconfig was named by option or by $KUBECONFIG; else as kubectl.
 * @throws KUBE_CONFIG
 */
export function findConnection(options: KubeconfigOptions = {}): Connection {
  const { environment = process.env } = options;
  const named = options.path ?? options.context ?? environment.KUBECONFIG;
  if (named !== undefined && named !== '') return fromKubeconfig(options);
  try {
    return inCluster({ environment, ...(options.clock ? { clock: options.clock } : {}) });
  } catch (error) {
    if (!isKubeError(error, 'KUBE_CONFIG')) throw error;
    return fromKubeconfig(options);
  }
}
