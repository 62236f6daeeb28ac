/** Programs that take minutes and need what the caller's environment says, such as proxies. */
import { spawnSync } from 'node:child_process';
import { PATH } from '../lab/execute.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** The last lines, for a person. */
  readonly complaint: string;
}

const LIMIT_MS = 900_000;

/** Runs it to its end; a program that is missing or killed has code -1. */
export function command(program: string, args: readonly string[], cwd: string): Outcome {
  const done = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH, LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  const said = (done.stderr ?? '').trim() || (done.error?.message ?? '');
  const complaint = said.split('\n').slice(-4).join('\n') || `it ended with ${done.status}`;
  return { code: done.status ?? -1, stdout: done.stdout ?? '', complaint };
}
