/** Problems of documents as people read them: where, what, and what to do. */
import type { Loaded } from '#policy/load.ts';
import type { Problem } from '#policy/problem.ts';
import { type Io, type Output, plural, printable, styled } from './io.ts';

export function printProblems(
  { problems, files }: Pick<Loaded, 'problems' | 'files'>,
  io: Io,
  to: Output,
): void {
  for (const problem of problems) {
    to.write(
      `${styled(io, 'bold', placeText(problem))}: ${styled(io, 'red', text(problem))}\n` +
        `    ${problem.hint}\n`,
    );
  }
  to.write(`${plural(problems.length, 'problem')} in ${plural(files.length, 'file')}\n`);
}

/** @example placeText({ file: 'web.yaml', line: 9, column: 14 }) === 'web.yaml:9:14' */
export function placeText({
  file,
  line,
  column,
}: Pick<Problem, 'file' | 'line' | 'column'>): string {
  return line === 0 ? printable(file) : `${printable(file)}:${line}:${column}`;
}

function text({ field, message }: Problem): string {
  return field === '' ? message : `${field}: ${message}`;
}
