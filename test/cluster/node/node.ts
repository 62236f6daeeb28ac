/**
 * The machine that the cluster believes it has: a network namespace, a mount namespace and a cgroup,
 * held by one process. Everything of the node runs in all three.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { attempt, type Outcome, PATH } from '../../lab/execute.ts';
import { processStart } from '../../lab/names.ts';
import { NETNS_FOLDER, namespaceName } from '../../lab/namespaces.ts';
import { errors } from '../errors.ts';
import { BUILD, type Place } from '../names.ts';
import { holder } from './mounts.ts';

/** A process that outlives who started it: a pid that was used again has another start time. */
export interface Lasting {
  readonly name: string;
  readonly pid: number;
  readonly start: string;
}

/** A shell first, which goes into the cgroup: whatever is started after that is born there. */
const IN_CGROUP = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"';

/** Starts the process that holds the namespaces, and waits until the node's mounts are there. */
export async function startHolder(at: Place, leaf: string): Promise<Lasting> {
  const netns = join(NETNS_FOLDER, namespaceName(at.id, 'host'));
  const { command, args } = holder(at, netns);
  const process = startLasting(at, leaf, 'node', [command, ...args]);
  // The last step of its script is to become `sleep`.
  for (let waited = 0; comm(process.pid) !== 'sleep'; waited += 10) {
    if (!lives(process) || waited > 20_000) throw ended(at, process);
    await sleep(10);
  }
  return process;
}

/** Starts a command line in the node's cgroup. @param channel with one for messages to it */
export function startLasting(
  at: Place,
  leaf: string,
  name: string,
  line: readonly string[],
  channel = false,
): Lasting & { readonly child: ChildProcess } {
  const log = openSync(join(at.logs, `${name}.log`), 'a');
  const child = spawn('sh', ['-ec', IN_CGROUP, 'twcluster', leaf, ...line], {
    detached: true,
    stdio: ['ignore', log, log, ...(channel ? (['ipc'] as const) : [])],
    env: { PATH, LANG: 'C.UTF-8', HOME: '/root' },
  });
  closeSync(log);
  child.on('error', () => undefined);
  child.unref();
  const pid = child.pid ?? 0;
  return { name, pid, start: processStart(pid) ?? '', child };
}

/** The command line that runs a program in the node's namespaces. */
export function onNode(node: Lasting, command: string, args: readonly string[]): string[] {
  return ['nsenter', `--target=${node.pid}`, '--mount', '--net', '--', command, ...args];
}

/** Runs a program on the node to its end, at most 20 s. It is not in the node's cgroup. */
export function runOnNode(node: Lasting, command: string, args: readonly string[]): Outcome {
  const [program = '', ...rest] = onNode(node, command, args);
  return attempt(program, rest);
}

export function lives({ pid, start }: Pick<Lasting, 'pid' | 'start'>): boolean {
  return processStart(pid) === start;
}

/** Whose programs these are, and where they log. */
type Logged = Pick<Place, 'id' | 'logs'>;

/** The error that says why a program of the node is not there any more. */
export function ended(at: Logged, { name }: Pick<Lasting, 'name'>): Error {
  const lines = readFileSync(join(at.logs, `${name}.log`), 'utf8')
    .trim()
    .split('\n');
  const reason = lines.slice(-3).join(' ').slice(-600) || 'it said nothing';
  return failure(errors.ended, { program: name, reason, log: join(keptLogs(at), `${name}.log`) });
}

/** Where the logs of a cluster that did not come up are put before it is removed. */
export function keptLogs(at: Logged): string {
  return join(BUILD, 'failed', at.id);
}

export function keepLogs(at: Logged): void {
  rmSync(keptLogs(at), { recursive: true, force: true });
  if (existsSync(at.logs)) cpSync(at.logs, keptLogs(at), { recursive: true });
}

function comm(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
