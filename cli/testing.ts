/** The command line within a test's own process. */
import { runCommandLine } from './program.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function torwacht(...args: readonly string[]): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    colour: false,
  };
  const status = await runCommandLine(args, { io, style: { colour: false } });
  return { status, stdout, stderr };
}

/** The long flags that a command's own help names. */
export async function flagsOf(...command: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await torwacht(...command, '--help');
  return stdout.split('\n').flatMap((line) => /^ {2}(?:-\w, )?(--[\w-]+)/.exec(line)?.[1] ?? []);
}
