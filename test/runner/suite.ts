/** Two kinds: a check is one command that passes or fails, a suite of tests is files of node:test. */

interface Row {
  readonly name: string;
  /** Only with --full, or when it is named. */
  readonly full?: true;
  /**
   * Runs beside those behind it in the table, after those before it that do so too: two processors are not kept
   * busy by tests that wait for what they started. It must not look at, or change, what is the whole host's.
   */
  readonly beside?: true;
  /** Others on this machine go first: for one that only computes. */
  readonly lowPriority?: true;
  /** A suite that still runs after so many seconds hangs: it is ended and has failed. */
  readonly limit: number;
  /** A file that it leaves, and that is printed behind its results. */
  readonly report?: string;
}

export interface CheckSuite extends Row {
  readonly kind: 'check';
  readonly command: readonly string[];
  /** What the output must match, for tools that are content when they have looked at nothing. */
  readonly proof?: RegExp;
}

export interface TestSuite extends Row {
  readonly kind: 'tests';
  /** Globs from the root of the repository; each must find at least one file. */
  readonly files: readonly string[];
  readonly without?: readonly string[];
  /** `none`: all files in one process, fast. `process`: one process a file. */
  readonly isolation: 'none' | 'process';
  /** How many files run at once where each has a process; how many processes share the files where none has. */
  readonly concurrency?: number;
  /** Asked once per run. */
  readonly environment?: () => Record<string, string>;
  /** A world that all files share: programs for this Node, run before the first and after the last. */
  readonly world?: { readonly up: string; readonly down: string };
}

export type Suite = CheckSuite | TestSuite;
