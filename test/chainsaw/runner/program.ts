/** A program of a case, to its end or until its time is over: then all that it started is ended with it. */
import { spawn } from 'node:child_process';

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** Why it counts as failed: `exit status 3`. */
  readonly error: string | null;
}

export interface RunOptions {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Never rejects: a program that cannot be started has failed. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { folder, environment, timeoutMs, signal }: RunOptions,
): Promise<Ran> {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(program, args, { cwd: folder, env: environment, stdio, detached: true });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  let late = false;
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  const clock = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  const error = await new Promise<string | null>((done) => {
    child.once('error', (cause) => done(cause.message));
    child.once('close', (code, by) => {
      if (late) done(`it had not ended after ${timeoutMs / 1000} s`);
      else if (by !== null) done(`signal: ${by}`);
      else done(code === 0 ? null : `exit status ${code}`);
    });
  });
  clearTimeout(clock);
  signal?.removeEventListener('abort', end);
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
  return { stdout: text(out), stderr: text(err), error };
}
