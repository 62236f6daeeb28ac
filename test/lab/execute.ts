/**
 * Short system commands, run to their end. Synchronous on purpose: a lab must be removable from an
 * exit handler, where nothing asynchronous runs any more.
 */
import { spawnSync } from 'node:child_process';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

/** Where ip, nft and mount live is not in every user's PATH. */
export const PATH = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs and reports; a program that is missing or killed has code -1. */
export function attempt(command: string, args: readonly string[], input = ''): Outcome {
  const done = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    env: { PATH, LC_ALL: 'C' },
    timeout: 20_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return {
    code: done.status ?? -1,
    stdout: done.stdout ?? '',
    stderr: done.stderr || (done.error?.message ?? ''),
  };
}

/** Runs and gives the standard output. @throws TW_LAB_COMMAND when the command does not end with 0 */
export function execute(command: string, args: readonly string[], input = ''): string {
  const done = attempt(command, args, input);
  if (done.code !== 0) {
    throw failure(errors.command, {
      command: [command, ...args].join(' '),
      reason: done.stderr.trim() || `it ended with ${done.code}`,
    });
  }
  return done.stdout;
}

/** Waits without leaving the current turn, for the same reason. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
