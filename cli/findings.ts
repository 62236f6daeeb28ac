/** What a check has found: a line each with what to do, for people and for programs, and an exit status. */
import { type Io, plural, printable, styled } from './policy/io.ts';

export type Level = 'pass' | 'warn' | 'fail';

export interface Finding {
  readonly level: Level;
  /** What was looked at; stable, for programs. */
  readonly check: string;
  readonly sentence: string;
  /** What to do; empty where there is nothing to do. */
  readonly hint: string;
}

export interface Group {
  /** Of what the findings are: a runner, a node. */
  readonly title: string;
  readonly findings: readonly Finding[];
}

export const pass = (check: string, sentence: string): Finding => ({
  level: 'pass',
  check,
  sentence,
  hint: '',
});
export const warn = (check: string, sentence: string, hint: string): Finding => ({
  level: 'warn',
  check,
  sentence,
  hint,
});
export const fail = (check: string, sentence: string, hint: string): Finding => ({
  level: 'fail',
  check,
  sentence,
  hint,
});

/** Exit status when a line failed; warnings are none. No error, so none of `exitCodes`. */
const FAILED = 1;

const colours = { pass: 'green', warn: 'bold', fail: 'red' } as const;

/** Prints all of it, and gives the exit status: 0, or 1 where a line failed. */
export function report(groups: readonly Group[], json: boolean, io: Io): number {
  const all = groups.flatMap(({ findings }) => findings);
  const count = (level: Level) => all.filter((one) => one.level === level).length;
  const [passed, warned, failed] = [count('pass'), count('warn'), count('fail')];
  if (json) {
    io.stdout.write(`${JSON.stringify({ passed, warned, failed, groups }, null, 2)}\n`);
    return failed > 0 ? FAILED : 0;
  }
  for (const { title, findings } of groups) {
    io.stdout.write(`${styled(io, 'bold', printable(title))}\n`);
    for (const finding of findings) print(finding, io);
  }
  io.stdout.write(`${passed} passed, ${plural(warned, 'warning')}, ${failed} failed\n`);
  return failed > 0 ? FAILED : 0;
}

function print({ level, sentence, hint }: Finding, io: Io): void {
  io.stdout.write(`  ${styled(io, colours[level], level)}  ${printable(sentence)}\n`);
  if (hint !== '') io.stdout.write(`        ${printable(hint)}\n`);
}
