/** Runs one suite of the table and says what came of it, reporting failures and skips as they happen. */
import { closeSync, globSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileCache } from './cache.ts';
import { type Ended, runChild } from './child.ts';
import type { Line } from './reporter.ts';
import type { CheckSuite, Suite, TestSuite } from './suite.ts';
import { type Failed, slowest, type Tally, tail, tally } from './tally.ts';

export interface Run {
  /** Root of the repository; suites run in it. */
  readonly root: string;
  /** Gets each new state of the counts while the suite runs. */
  readonly progress: (counts: Tally) => void;
  readonly signal: AbortSignal;
}

/** Where suites look for new lines of their stream, in ms. */
const POLL_MS = 250;
/** A world that is not there, or not gone, after so many seconds is none. */
const WORLD_LIMIT = 300;
const REPORTER = join(import.meta.dirname, 'reporter.ts');

export async function runSuite(suite: Suite, run: Run): Promise<Tally> {
  const counts = await (suite.kind === 'check' ? runCheck(suite, run) : runTests(suite, run));
  run.progress(counts);
  return counts;
}

async function runCheck(suite: CheckSuite, run: Run): Promise<Tally> {
  const [program = '', ...args] = suite.command;
  const ended = await runChild(process.execPath, [program, ...args], {
    cwd: run.root,
    environment: compileCache(run.root),
    limitSeconds: suite.limit,
    lowPriority: true,
    signal: run.signal,
  });
  const wrong = fault(ended, suite.limit) ?? unproven(ended, suite.proof);
  if (wrong === undefined) return { passed: 1, failed: [], skipped: [] };
  const output = [tail(ended.output), wrong].filter(Boolean).join('\n');
  return { passed: 0, failed: [{ name: suite.command.join(' '), output }], skipped: [] };
}

function unproven(ended: Ended, proof: RegExp | undefined): string | undefined {
  if (proof === undefined || proof.test(ended.output)) return undefined;
  return `It reports no fault, but its output does not show that it looked (${proof.source}).`;
}

async function runTests(suite: TestSuite, run: Run): Promise<Tally> {
  const found = suite.files.map((pattern) => ({
    pattern,
    files: globSync(pattern, { cwd: run.root, exclude: suite.without ?? [] }).sort(),
  }));
  const empty = found.filter(({ files }) => files.length === 0).map(({ pattern }) => pattern);
  const files = found.flatMap((entry) => entry.files);
  const { lines, parts, left } = await collect(suite, files, run);

  const counts = tally(lines, `${run.root}/`);
  const failed = [...counts.failed];
  const kept = left && fault(left, WORLD_LIMIT);
  if (left && kept !== undefined) {
    failed.push({ name: suite.world?.down ?? '', output: [tail(left.output), kept].join('\n') });
  }
  for (const pattern of empty) {
    failed.push({ name: suite.name, output: `No test file matches ${pattern}.` });
  }
  const lost = parts.flatMap((part) => whyLost(suite, part) ?? []);
  failed.push(...lost);
  if (counts.passed + failed.length + counts.skipped.length === 0) {
    failed.push({ name: suite.name, output: 'The suite ran no test.' });
  }
  const slow = slowest(lines, `${run.root}/`);
  return { ...counts, failed, ...(slow && { notes: [...(counts.notes ?? []), slow] }) };
}

/** What went wrong with a process of the suite that its tests do not tell. */
function whyLost(suite: TestSuite, { lines, ended }: Part): Failed | undefined {
  const wrong = fault(ended, suite.limit);
  // node:test exits with 1 where a test failed, which is then already counted.
  const cutOff = !lines.some((line) => line.event === 'end');
  const told = tally(lines, '').failed.length > 0;
  if (wrong === undefined || (told && !cutOff)) return undefined;
  const last = lines.findLast((line) => line.event === 'result');
  const where = last ? `The last test to end was ${last.path.join(' › ')} of ${last.file}.` : '';
  return { name: suite.name, output: [tail(ended.output), wrong, where].join('\n') };
}

/** One process of a suite, or the start of its world where that failed. */
interface Part {
  readonly lines: readonly Line[];
  readonly ended: Ended;
}

interface Collected {
  /** Of all processes, as they came. */
  readonly lines: readonly Line[];
  readonly parts: readonly Part[];
  /** How the world was taken down. */
  readonly left?: Ended;
}

async function collect(suite: TestSuite, files: readonly string[], run: Run): Promise<Collected> {
  if (files.length === 0) return { lines: [], parts: [] };
  const environment = { ...codeCache(suite, run), ...suite.environment?.() };
  const { world } = suite;
  // Worlds are for root; without, the tests say themselves why they are skipped.
  if (world === undefined || process.getuid?.() !== 0) {
    return await collectShares(suite, files, run, environment);
  }
  const common = { cwd: run.root, environment, limitSeconds: WORLD_LIMIT };
  const made = await runChild(process.execPath, [world.up], { ...common, signal: run.signal });
  const collected =
    fault(made, WORLD_LIMIT) === undefined
      ? await collectShares(suite, files, run, environment)
      : { lines: [], parts: [{ lines: [], ended: made }] };
  // Without the signal: what was made must go, also where the run is stopped.
  return { ...collected, left: await runChild(process.execPath, [world.down], common) };
}

function codeCache({ isolation }: TestSuite, { root }: Run) {
  return isolation === 'none' ? compileCache(root) : {};
}

/** One process for all files; where they share processes, each takes every n-th. */
async function collectShares(
  suite: TestSuite,
  files: readonly string[],
  run: Run,
  environment: Readonly<Record<string, string>>,
): Promise<Collected> {
  const processes = suite.isolation === 'none' ? (suite.concurrency ?? 1) : 1;
  const shares = Array.from({ length: processes }, (_, share) =>
    files.filter((_file, index) => index % processes === share),
  ).filter((share) => share.length > 0);
  const lines: Line[] = [];
  const take = (line: Line) => lines.push(line);
  const poll = setInterval(() => run.progress(tally(lines, `${run.root}/`)), POLL_MS);
  try {
    const parts = shares.map((share) => collectLines(suite, share, run, environment, take));
    return { lines, parts: await Promise.all(parts) };
  } finally {
    clearInterval(poll);
  }
}

async function collectLines(
  suite: TestSuite,
  files: readonly string[],
  run: Run,
  environment: Readonly<Record<string, string>>,
  take: (line: Line) => void,
): Promise<Part> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-suite-'));
  const stream = join(folder, 'events');
  const lines: Line[] = [];
  const file = openSync(stream, 'a+', 0o600);
  const reader = lineReader(file, (line) => {
    lines.push(line);
    take(line);
  });
  const poll = setInterval(reader, POLL_MS);
  try {
    const ended = await runChild(
      process.execPath,
      [...nodeArguments(suite), `--test-reporter-destination=${stream}`, ...files],
      {
        cwd: run.root,
        limitSeconds: suite.limit,
        lowPriority: suite.lowPriority ?? false,
        signal: run.signal,
        environment,
      },
    );
    reader();
    return { lines, ended };
  } finally {
    clearInterval(poll);
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

function nodeArguments(suite: TestSuite): string[] {
  return [
    '--test',
    `--test-isolation=${suite.isolation}`,
    ...(suite.isolation === 'process' ? [`--test-concurrency=${suite.concurrency ?? 1}`] : []),
    // A single test that hangs is to be named, before the whole suite is ended without a word.
    `--test-timeout=${(suite.limit * 1000) / 3}`,
    `--test-reporter=${REPORTER}`,
  ];
}

/** Reads what was added to the file since the last call. */
function lineReader(file: number, take: (line: Line) => void): () => void {
  const chunk = Buffer.alloc(64 * 1024);
  let position = 0;
  let rest = Buffer.alloc(0);
  return () => {
    for (;;) {
      const size = readSync(file, chunk, 0, chunk.length, position);
      if (size === 0) return;
      position += size;
      rest = Buffer.concat([rest, chunk.subarray(0, size)]);
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        take(JSON.parse(rest.toString('utf8', 0, end)) as Line);
        rest = rest.subarray(end + 1);
      }
    }
  };
}

/** What was wrong with how a program ended, in a sentence. */
function fault(ended: Ended, limit: number): string | undefined {
  if (ended.timedOut) {
    return `Ended after ${limit} s: a test hangs, or leaves something open that keeps it running.`;
  }
  if (ended.signal) return `It was ended by ${ended.signal}.`;
  return ended.code === 0 ? undefined : `It exited with ${ended.code}.`;
}
