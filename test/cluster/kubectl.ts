/** kubectl against a cluster, from the host, as a person would run it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { PATH } from '../lab/execute.ts';
import { errors } from './errors.ts';
import { BUILD, type Place } from './names.ts';

export const KUBECTL = join(BUILD, 'bin/kubectl');

/** Runs kubectl and gives its standard output. @throws TW_CLUSTER_COMMAND with its standard error */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

export function kubectlOn(at: Pick<Place, 'kubeconfig' | 'logs'>, command = KUBECTL): Kubectl {
  return async (args, input = '') => {
    const child = spawn(command, args, {
      env: { PATH, HOME: '/nonexistent', KUBECONFIG: at.kubeconfig },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // It may end without having read its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const code = await new Promise<number | null>((done, failed) => {
      child.once('error', failed);
      child.once('close', done);
    });
    if (code === 0) return Buffer.concat(out).toString('utf8');
    const reason = Buffer.concat(err).toString('utf8').trim() || `it ended with ${code}`;
    throw failure(errors.command, {
      command: ['kubectl', ...args].join(' '),
      reason,
      logs: at.logs,
    });
  };
}
