/**
 * Runs suites: `node test/run.ts [--full | --quick] [suite…]`, by default all that are not marked full; with
 * --quick properties are asked fewer random cases. The last line is `N passed, N failed, N skipped`; the exit
 * code is 0 only if nothing failed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compileCache } from './runner/cache.ts';
import { runChild } from './runner/child.ts';
import { runSuite } from './runner/run-suite.ts';
import type { Suite } from './runner/suite.ts';
import { suites } from './runner/suites.ts';
import type { Failed, Tally } from './runner/tally.ts';

const root = dirname(import.meta.dirname);

/** Of what a failure says, in the list at the end. */
const SHORT_LINES = 6;
const SHORT_WIDTH = 300;

const nothing: Tally = { passed: 0, failed: [], skipped: [] };

const print = (text: string) => process.stdout.write(`${text}\n`);
const indent = (text: string) => text.replaceAll(/^(?=.)/gm, '        ');

if (process.argv.includes('--quick')) process.env.TORWACHT_QUICK = '1';
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const chosen = choose(args);
  if (typeof chosen === 'string') {
    process.stderr.write(`${chosen}\n`);
    return 2;
  }
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stopped.abort(signal));
  }
  await sweep(stopped.signal);

  const { passed, failed, skipped } = sum(await runAll(chosen, stopped.signal));
  if (stopped.signal.aborted) print(`stopped by ${stopped.signal.reason}`);
  // Once more together: between a failure and the end of a run lie thousands of lines.
  for (const failure of failed) print(`failed: ${inShort(failure)}`);
  print(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length > 0 || stopped.signal.aborted ? 1 : 0;
}

/**
 * Checks run beside all else; so do suites of the side lane, one after another; the rest runs alone. A third lane would
 * take from machines at low priority what their own clocks count on.
 */
async function runAll(chosen: readonly Suite[], signal: AbortSignal): Promise<readonly Tally[]> {
  const alone: Tally[] = [];
  const beside: Promise<Tally>[] = [];
  let side: Promise<unknown> = Promise.resolve();
  for (const group of groups(chosen)) {
    if (signal.aborted) break;
    const run = () => group.map((suite) => reported(suite, signal));
    const [first] = group;
    if (first?.kind === 'check') beside.push(...run());
    else if (first?.beside) {
      const next = side.then(() => (signal.aborted ? nothing : reported(first, signal)));
      beside.push(next);
      side = next;
    } else alone.push(...(await Promise.all(run())));
  }
  return [...alone, ...(await Promise.all(beside))];
}

function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((passed, tally) => passed + tally.passed, 0),
    failed: tallies.flatMap((tally) => tally.failed),
    skipped: tallies.flatMap((tally) => tally.skipped),
  };
}

/** A failure in a few lines: its name, and what it says before it says where. */
function inShort({ name, output }: Failed): string {
  const lines = output.trim().split('\n');
  const end = lines.findIndex((line) => /^\s+at /.test(line));
  const first = lines.slice(0, end === -1 ? SHORT_LINES : Math.min(end, SHORT_LINES));
  return [name, ...first.map((line) => `        ${line.slice(0, SHORT_WIDTH)}`)].join('\n');
}

/** The suites to run, or what is wrong with the arguments. */
function choose(args: readonly string[]): readonly Suite[] | string {
  const names = args.filter((arg) => arg !== '--full' && arg !== '--quick');
  const unknown = names.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    const known = suites.map((suite) => suite.name).join(' ');
    return `There is no suite '${unknown}'. Suites: ${known}. Usage: node test/run.ts [--full | --quick] [suite…]`;
  }
  if (names.length > 0) return suites.filter((suite) => names.includes(suite.name));
  return suites.filter((suite) => args.includes('--full') || !suite.full);
}

/** Checks look at files and run together, beside the tests that follow them. Suites of tests run alone. */
function groups(chosen: readonly Suite[]): readonly (readonly Suite[])[] {
  const made: Suite[][] = [];
  for (const suite of chosen) {
    const before = made.at(-1);
    if (suite.kind === 'check' && before?.[0]?.kind === 'check') before.push(suite);
    else made.push([suite]);
  }
  return made;
}

/** Removes what a killed run left behind: what carries the tests' mark and whose owner has ended. */
async function sweep(signal: AbortSignal): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const worlds = ['lab', 'cluster', 'apiserver'].map(async (world) => {
    const ended = await runChild(process.execPath, [join(root, 'test', world, 'sweep.ts')], {
      cwd: root,
      environment: compileCache(root),
      limitSeconds: 60,
      signal,
    });
    if (ended.output.trim() !== '') print(indent(ended.output.trimEnd()));
    if (ended.code !== 0) print(`        The sweep of an earlier ${world} failed; going on.`);
  });
  await Promise.all(worlds);
}

async function reported(suite: Suite, signal: AbortSignal): Promise<Tally> {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  let failures = 0;
  let skips = 0;
  let notes = 0;
  let beat = started;
  print(`----  ${suite.name}`);
  const progress = (counts: Tally) => {
    for (const { name, output } of counts.failed.slice(failures)) {
      print(`  fail  ${name}\n${indent(output)}`);
    }
    for (const { name, reason } of counts.skipped.slice(skips)) {
      print(`  skip  ${name}: ${reason}`);
    }
    for (const note of counts.notes?.slice(notes) ?? []) print(indent(note));
    notes = counts.notes?.length ?? 0;
    failures = counts.failed.length;
    skips = counts.skipped.length;
    if (performance.now() - beat < 10_000) return;
    beat = performance.now();
    print(`        ${suite.name}: ${counts.passed} tests so far, ${seconds()} s`);
  };
  const counts = await runSuite(suite, { root, progress, signal });
  const report = suite.report && join(root, suite.report);
  if (report && existsSync(report)) print(indent(readFileSync(report, 'utf8').trimEnd()));
  const verdict = counts.failed.length === 0 ? 'ok  ' : 'FAIL';
  const outcome = [
    `${counts.passed} passed`,
    ...(counts.failed.length > 0 ? [`${counts.failed.length} failed`] : []),
    ...(counts.skipped.length > 0 ? [`${counts.skipped.length} skipped`] : []),
  ];
  print(`${verdict}  ${suite.name}  ${outcome.join('; ')}  (${seconds()} s)`);
  return counts;
}
