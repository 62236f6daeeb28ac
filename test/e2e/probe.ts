/** A command line that tries things inside, and what came of them (fixtures/probe.ts). */
import { join } from 'node:path';

const program = join(import.meta.dirname, 'fixtures/probe.ts');

/** @example probe('tcp 192.0.2.20 8000', 'lookup good.example.test') */
export function probe(...steps: string[]): string[] {
  return [process.execPath, program, ...steps];
}

/** Outcome of each step: `ok` or what the step gives, or the error's code. */
export function outcomes(stdout: string): Record<string, string> {
  return Object.fromEntries(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('['))
      .map((line) => JSON.parse(line) as [string, string]),
  );
}
