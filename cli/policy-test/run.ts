/** `torwacht policy test`: do policies allow and deny what is expected of them? */
import { writeFileSync } from 'node:fs';
import { exitCodes, failure } from '#api/error.ts';
import { type Io, plural, printable, styled } from '../policy/io.ts';
import { placeText, printProblems } from '../policy/problems.ts';
import { errors } from './errors.ts';
import { judgeSuite, type Outcome, type TestedSuite } from './judge.ts';
import { junit } from './junit.ts';
import { readSuites } from './read.ts';

/** As commander gives them. */
export interface PolicyTestFlags {
  readonly json?: boolean;
  readonly junit?: string;
}

/** Exit status where an expectation failed. No error, so none of `exitCodes`. */
const FAILED = 1;

/**
 * Exit code 0 when all is as expected, 1 when something is not, 3 when a test or a policy is not sound.
 *
 * @throws TW_POLICY_*
 */
export function testPolicies(paths: readonly string[], flags: PolicyTestFlags, io: Io): number {
  const read = readSuites(paths);
  if (read.problems.length > 0) {
    const { problems, files } = read;
    if (flags.json) io.stdout.write(`${JSON.stringify({ problems, files }, null, 2)}\n`);
    else printProblems(read, io, io.stderr);
    return exitCodes.policy;
  }
  const suites = read.suites.map(judgeSuite);
  if (flags.junit !== undefined) write(flags.junit, junit(suites));
  const outcomes = suites.flatMap(({ tests }) => tests.flatMap((test) => test.outcomes));
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const passed = outcomes.length - failed;
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ passed, failed, suites }, null, 2)}\n`);
  } else {
    for (const suite of suites) print(suite, io);
    const tests = suites.reduce((sum, suite) => sum + suite.tests.length, 0);
    io.stdout.write(
      `${plural(tests, 'test')}, ${plural(outcomes.length, 'expectation')}: ${failed === 0 ? 'all as expected' : `${failed} failed`}\n`,
    );
  }
  return failed === 0 ? 0 : FAILED;
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw failure(errors.output, { path, reason: (cause as Error).message }, cause);
  }
}

function print({ name, tests }: TestedSuite, io: Io): void {
  io.stdout.write(`${styled(io, 'bold', printable(name))}\n`);
  for (const { name: test, outcomes } of tests) {
    const failed = outcomes.filter(({ passed }) => !passed);
    const verdict = failed.length === 0 ? styled(io, 'green', 'ok  ') : styled(io, 'red', 'FAIL');
    const count = styled(io, 'dim', `(${outcomes.length})`);
    io.stdout.write(`  ${verdict}  ${printable(test)} ${count}\n`);
    for (const outcome of failed) printFailed(outcome, io);
  }
}

function printFailed({ text, place, sentence, rulePlace, notes }: Outcome, io: Io): void {
  const where = rulePlace === null ? '' : ` (${placeText(rulePlace)})`;
  io.stdout.write(`        ${placeText(place)}: ${printable(text)}\n`);
  io.stdout.write(`          ${printable(sentence)}${where}\n`);
  for (const note of notes) io.stdout.write(`          ${printable(note)}\n`);
}
