/** Arguments that the policy commands share: names, and `--json`. */
import { parseArgs } from 'node:util';
import { exitCodes, TorwachtError } from '#api/error.ts';
import { type Io, printable } from './io.ts';

export interface PolicyArguments {
  readonly names: readonly string[];
  readonly json: boolean;
}

/** Null after the usage was told on stderr. */
export function parseArguments(
  args: readonly string[],
  usage: string,
  io: Io,
): PolicyArguments | null {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    return { names: positionals, json: values.json };
  } catch (cause) {
    const [first = ''] = (cause as Error).message.split('. ');
    io.stderr.write(`${printable(first)}.\nUsage: ${usage}\n`);
    return null;
  }
}

/** Runs a command; what it throws of ours becomes two lines and its exit code. */
export function withErrors(io: Io, run: () => number): number {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TorwachtError)) throw error;
    io.stderr.write(`${printable(error.message)}\n${printable(error.hint)}\n`);
    return exitCodes[error.exit];
  }
}
