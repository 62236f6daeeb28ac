/** The operator as it runs in its pod: processes that can be killed, with the rights of its service account. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ApiServer, Ending } from '../apiserver/server.ts';
import { ROOT } from '../cluster/names.ts';

/** What config/ gives them. */
export async function installRights({ kubectl }: Pick<ApiServer, 'kubectl'>): Promise<void> {
  await kubectl(['create', 'namespace', 'torwacht']);
  for (const folder of ['operator', 'agent']) {
    await kubectl(['apply', '--kustomize', join(ROOT, 'config/rbac', folder)]);
  }
}

export interface Replica {
  readonly pid: number;
  /** What it logged, line by line. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly leads: boolean;
  /** Where it takes rows of agents; 0 until it does. */
  readonly intake: number;
  /** Where it answers people; 0 until it does. */
  readonly answers: number;
  /** Where its metrics are; 0 until they are. */
  readonly health: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with its exit status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export function startReplica(
  ending: Ending,
  kubeconfig: string,
  more: readonly string[] = [],
): Replica {
  const anywhere = '127.0.0.1:0';
  const listen = ['--listen', anywhere, '--intake', anywhere, '--answers', anywhere];
  const own = ['--kubeconfig', kubeconfig, ...listen];
  const child = spawn(process.execPath, [join(ROOT, 'operator/main.ts'), ...own, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Record<string, unknown>[] = [];
  collect(child, lines);
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  ending.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    get leads() {
      return (
        lines.findLast(({ msg }) => /^this replica/.test(String(msg)))?.msg === 'this replica leads'
      );
    },
    get intake() {
      return Number(lines.find(({ msg }) => msg === 'taking rows of agents')?.port ?? 0);
    },
    get answers() {
      return Number(lines.find(({ msg }) => msg === 'answering people')?.port ?? 0);
    },
    get health() {
      return Number(lines.find(({ msg }) => msg === 'ready')?.listen ?? 0);
    },
    kill: (signal) => void child.kill(signal),
  };
}

function collect(child: ChildProcess, lines: Record<string, unknown>[]): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${rest}${text}`.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part));
  });
}
