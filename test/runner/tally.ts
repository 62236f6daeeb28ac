/**
 * Counts: from the lines of a suite's stream to what passed, failed and was skipped. Pure.
 *
 * What counts as one: every test, a test with subtests included, as node:test counts. A `describe` is a
 * name and not a test, unless it failed itself or was skipped as a whole.
 */
import type { Line } from './reporter.ts';

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export interface Failed {
  readonly name: string;
  readonly output: string;
}

export interface Tally {
  readonly passed: number;
  readonly failed: readonly Failed[];
  readonly skipped: readonly Skipped[];
  /** What tests had to say, if anything. */
  readonly notes?: readonly string[];
}

type Result = Extract<Line, { event: 'result' }>;

/** @param root prefix that is cut off file names, with its final slash */
export function tally(lines: readonly Line[], root: string): Tally {
  const output = new Map<string, string>();
  const failed: Failed[] = [];
  const skipped: Skipped[] = [];
  const notes: string[] = [];
  let passed = 0;
  for (const line of lines) {
    if (line.event === 'output') {
      const file = relative(line.file, root);
      output.set(file, (output.get(file) ?? '') + line.text);
    }
    if (line.event === 'note') notes.push(line.text);
    if (line.event !== 'result') continue;
    const name = nameOf(line, root);
    switch (outcome(line)) {
      case 'passed':
        passed += 1;
        break;
      case 'skipped':
        skipped.push({ name, reason: skipReason(line) });
        break;
      case 'failed':
        failed.push({
          name,
          output: failureOutput(line, output.get(relative(line.file ?? '', root)) ?? ''),
        });
        break;
      case 'none':
        break;
    }
  }
  return { passed, failed, skipped, ...(notes.length > 0 ? { notes } : {}) };
}

/** Below this, in ms, nobody asks which file it was. */
const LONG = 20_000;
const NAMED = 5;

/** The files of a suite that took longest, in a line; hooks around tests are not in it. */
export function slowest(lines: readonly Line[], root: string): string | undefined {
  const took = new Map<string, number>();
  for (const line of lines) {
    if (line.event !== 'result' || line.path.length > 1) continue;
    const file = relative(line.file ?? '', root);
    took.set(file, (took.get(file) ?? 0) + line.ms);
  }
  const long = [...took].filter(([, ms]) => ms >= LONG).sort(([, a], [, b]) => b - a);
  if (long.length === 0) return undefined;
  const named = long.slice(0, NAMED).map(([file, ms]) => `${file} ${(ms / 1000).toFixed(0)} s`);
  return `slowest: ${named.join(', ')}`;
}

function outcome(line: Result): 'passed' | 'failed' | 'skipped' | 'none' {
  if (line.skip !== false || line.todo !== false) return 'skipped';
  if (line.outcome === 'fail') {
    // What failed inside is a line of its own.
    return line.failureType === 'subtestsFailed' ? 'none' : 'failed';
  }
  if (isFile(line)) return 'failed';
  return line.type === 'test' ? 'passed' : 'none';
}

/** node:test reports a file that held no test, or that crashed, as a test of the file's name. */
function isFile(line: Result): boolean {
  const [name = '', ...inner] = line.path;
  return inner.length === 0 && (line.file === name || Boolean(line.file?.endsWith(`/${name}`)));
}

function nameOf(line: Result, root: string): string {
  const path = isFile(line) ? [] : line.path;
  return [relative(line.file ?? '(no file)', root), ...path].join(' › ');
}

function relative(file: string, root: string): string {
  return file.startsWith(root) ? file.slice(root.length) : file;
}

function skipReason(line: Result): string {
  const todo = line.todo !== false;
  const given = (todo ? line.todo : line.skip) || 'no reason given';
  return todo ? `to do: ${given}` : given;
}

function failureOutput(line: Result, printed: string): string {
  if (line.outcome === 'pass') return 'This file ran no test.';
  return [line.error ?? 'no error given', printed && `Output of the file:\n${tail(printed)}`]
    .filter(Boolean)
    .join('\n');
}

const OUTPUT_LIMIT = 8_000;

/** The end of a long text, from the start of a line. */
export function tail(text: string): string {
  const trimmed = text.trimEnd();
  if (trimmed.length <= OUTPUT_LIMIT) return trimmed;
  const cut = trimmed.slice(-OUTPUT_LIMIT);
  return `[…]\n${cut.slice(cut.indexOf('\n') + 1)}`;
}
