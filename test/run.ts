/**
 * Runs suites: `node test/run.ts [--full] [suite…]`, by default all that are not marked full. The last
 * line is `N passed, N failed, N skipped`; the exit code is 0 only if nothing failed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runChild } from './runner/child.ts';
import { runSuite } from './runner/run-suite.ts';
import { type Suite, suites } from './runner/suites.ts';
import type { Tally } from './runner/tally.ts';

const root = dirname(import.meta.dirname);

const print = (text: string) => process.stdout.write(`${text}\n`);
const indent = (text: string) => text.replaceAll(/^(?=.)/gm, '        ');

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

  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of chosen) {
    if (stopped.signal.aborted) break;
    const counts = await reported(suite, stopped.signal);
    total.passed += counts.passed;
    total.failed += counts.failed.length;
    total.skipped += counts.skipped.length;
  }
  if (stopped.signal.aborted) print(`stopped by ${stopped.signal.reason}`);
  print(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || stopped.signal.aborted ? 1 : 0;
}

/** The suites to run, or what is wrong with the arguments. */
function choose(args: readonly string[]): readonly Suite[] | string {
  const names = args.filter((arg) => arg !== '--full');
  const unknown = names.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    const known = suites.map((suite) => suite.name).join(' ');
    return `There is no suite '${unknown}'. Suites: ${known}. Usage: node test/run.ts [--full] [suite…]`;
  }
  if (names.length > 0) return suites.filter((suite) => names.includes(suite.name));
  return suites.filter((suite) => args.includes('--full') || !suite.full);
}

/** Removes what a killed run left behind: what carries the tests' mark and whose owner has ended. */
async function sweep(signal: AbortSignal): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const world of ['lab', 'cluster']) {
    const ended = await runChild(process.execPath, [join(root, 'test', world, 'sweep.ts')], {
      cwd: root,
      limitSeconds: 60,
      signal,
    });
    if (ended.output.trim() !== '') print(indent(ended.output.trimEnd()));
    if (ended.code !== 0) print(`        The sweep of an earlier ${world} failed; going on.`);
  }
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
    print(`        ${counts.passed} tests so far, ${seconds()} s`);
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
