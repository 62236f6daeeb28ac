/**
 * Runs one program to its end or to its time limit, with all that it printed. It gets a process group of
 * its own, so that a program which hangs is ended together with what it started.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

export interface Ended {
  /** Exit code, or null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** stdout and stderr as they came, at most the last OUTPUT_KEPT characters. */
  readonly output: string;
}

const OUTPUT_KEPT = 256 * 1024;
/** Of nice(2): a tenth of what an equal would get. */
const LOW_PRIORITY = 10;
/** After SIGTERM, time to clean up before SIGKILL. */
const GRACE_MS = 5_000;

export interface RunOptions {
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly limitSeconds: number;
  /** Others on this machine go first. */
  readonly lowPriority?: boolean;
  /** Ends the program early, as the time limit would. */
  readonly signal?: AbortSignal;
}

/**
 * Nice values count within a session alone where the kernel shares processors among sessions first
 * (sched(7), autogroup), and the program leads one of its own.
 */
function giveWay(pid: number): void {
  setPriority(pid, LOW_PRIORITY);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(LOW_PRIORITY));
  } catch {
    // No such kernel, or not root and too often: it is slower beside others then, no more.
  }
}

/** Rejects only where the program cannot be started. */
export async function runChild(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A test runner inside a test would take this mark for its own, and run nothing.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.environment },
  });
  if (options.lowPriority && child.pid !== undefined) giveWay(child.pid);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT);
    });
  }

  const signalGroup = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  let timedOut = false;
  let grace: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup('SIGTERM');
    grace = setTimeout(signalGroup, GRACE_MS, 'SIGKILL');
  };
  const limit = setTimeout(() => {
    timedOut = true;
    end();
  }, options.limitSeconds * 1000);
  options.signal?.addEventListener('abort', end, { once: true });

  try {
    return await new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        // What it started must not outlive it where it had to be ended.
        if (grace !== undefined) signalGroup('SIGKILL');
        // Streams close when the last holder is gone; whoever outlived the program may hold them.
        const late = setTimeout(() => {
          child.stdout.destroy();
          child.stderr.destroy();
        }, GRACE_MS);
        child.once('close', () => {
          clearTimeout(late);
          resolve({ code, signal, timedOut, output });
        });
      });
    });
  } finally {
    clearTimeout(limit);
    clearTimeout(grace);
    options.signal?.removeEventListener('abort', end);
  }
}
