/** How the commands of this folder end when they fail: the sentence, what to do, the exit code. */
import { exitCodes, TorwachtError } from '#api/error.ts';

export function report(error: unknown): void {
  if (!(error instanceof TorwachtError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n${error.hint}\n`);
  process.exitCode = exitCodes[error.exit];
}
