/** kubectl against a cluster, from the host, as a person would run it. */
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { PATH } from '../lab/execute.ts';
import { finish } from '../lab/finish.ts';
import { errors } from './errors.ts';
import { BUILD, type Place } from './names.ts';

export const KUBECTL = join(BUILD, 'bin/kubectl');

/** Runs kubectl and gives its standard output. @throws TW_CLUSTER_COMMAND with its standard error */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

/** Applies YAML, or one object or several. */
export type Apply = (manifests: string | object | readonly object[]) => Promise<void>;

export function applyWith(kubectl: Kubectl): Apply {
  return async (manifests) => {
    const list = { apiVersion: 'v1', kind: 'List', items: [manifests].flat() };
    const text = typeof manifests === 'string' ? manifests : JSON.stringify(list);
    await kubectl(['apply', '-f', '-'], text);
  };
}

export function kubectlOn(at: Pick<Place, 'kubeconfig' | 'logs'>, command = KUBECTL): Kubectl {
  const environment = { PATH, HOME: '/nonexistent', KUBECONFIG: at.kubeconfig };
  return async (args, input = '') => {
    const { code, stdout, stderr } = await finish(command, args, { environment, input });
    if (code === 0) return stdout;
    throw failure(errors.command, {
      command: ['kubectl', ...args].join(' '),
      reason: stderr || `it ended with ${code}`,
      logs: at.logs,
    });
  };
}
