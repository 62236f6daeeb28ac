/** A program that is run to its end without keeping this one waiting: input in, what it said out. */
import { spawn } from 'node:child_process';

export interface Finished {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FinishOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** It is killed when it has not ended so long after its start, in ms; never unless told. */
  readonly patienceMs?: number;
}

/** Rejects where the program cannot be started. */
export async function finish(
  program: string,
  args: readonly string[],
  { environment, input = '', patienceMs }: FinishOptions,
): Promise<Finished> {
  const child = spawn(program, args, { env: environment });
  // Not spawn's own timeout: of a program that is not there, that one is never cleared.
  const clock =
    patienceMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), patienceMs);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  // It may end without having read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  try {
    const code = await new Promise<number | null>((done, failed) => {
      child.once('error', failed);
      child.once('close', done);
    });
    const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('utf8');
    return { code, stdout: text(out), stderr: text(err).trim() };
  } finally {
    clearTimeout(clock);
  }
}
