/** A server that a bench measures: a process of its own on a processor of its own, and what it has used. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MEASURED } from './worker.ts';

/**
 * @param program a file of this folder, which prints one line of JSON when it listens
 * @param flags of Node, as its image has them
 */
export function startServer(
  program: string,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): ChildProcess {
  const command = [process.execPath, ...flags, join(import.meta.dirname, program), ...args];
  return spawn('taskset', ['-c', String(MEASURED), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export async function told(server: ChildProcess): Promise<{ port: number; authority: string }> {
  const [line] = (await once(
    server.stdout?.setEncoding('utf8') as NodeJS.ReadableStream,
    'data',
  )) as [string];
  return JSON.parse(line);
}

/** Of /proc/<pid>/stat, proc_pid_stat(5). */
const TICKS_A_SECOND = 100;

export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}
