/**
 * The table of suites: what `node test/run.ts` knows. A new suite is a new row. Two kinds: a check is
 * one command that passes or fails, a suite of tests is files of node:test.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ownedName } from '../cluster/names.ts';

interface Row {
  readonly name: string;
  /** Only with --full, or when it is named. */
  readonly full?: true;
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
  /** How many files run at once where each has a process. */
  readonly concurrency?: number;
  /** Asked once per run. */
  readonly environment?: () => Record<string, string>;
  /** A world that all files share: programs for this Node, run before the first and after the last. */
  readonly world?: { readonly up: string; readonly down: string };
}

export type Suite = CheckSuite | TestSuite;

/** Folders whose tests stand beside the source. */
const layers = ['api', 'policy', 'dns', 'bpf', 'agent', 'cli'];
/** Stands beside its source as well, but starts some hundred real sandboxes. */
const sandbox = 'cli/sandbox/sandbox.test.ts';
/** Techniques as data, the page that is made from them, and who judges: they start nothing. */
const bypassData = 'test/bypass/{table,judge}.test.ts';
/** Compiled programs against the kernels that they claim: they are read, not run. */
const floor = 'test/kernels/{floor/floor,table}.test.ts';
const house = ['bench', 'test/runner', 'test/replay/docs', 'scripts'];

/** Many pods: how many is for the suite to say. */
const longRuns = 'test/agent/{race,soak}.test.ts';

/** So that no person's cluster is changed, and one that a sweep may take. */
const clusterOfItsOwn = {
  environment: () => ({ TORWACHT_CLUSTER: ownedName(process.pid) }),
  world: { up: 'test/cluster/up.ts', down: 'test/cluster/down.ts' },
} as const;

export const suites: readonly Suite[] = [
  {
    name: 'types',
    kind: 'check',
    limit: 120,
    command: ['node_modules/.bin/tsc', '--noEmit', '-p', '.'],
  },
  {
    name: 'lint',
    kind: 'check',
    limit: 120,
    command: ['node_modules/.bin/biome', 'ci', '--error-on-warnings', '--colors=off'],
  },
  {
    name: 'layers',
    kind: 'check',
    limit: 120,
    command: [
      'node_modules/.bin/depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      ...layers,
      'barrier',
      'test',
      'bench',
      'scripts',
    ],
    // It says "0 modules" and is content where it cannot read TypeScript.
    proof: /\b[1-9]\d+ modules/,
  },
  {
    name: 'dead',
    kind: 'check',
    limit: 120,
    command: ['node_modules/.bin/knip', '--no-progress'],
  },
  {
    name: 'unit',
    kind: 'tests',
    limit: 180,
    isolation: 'none',
    files: [...[...layers, ...house].map((folder) => `${folder}/**/*.test.ts`), bypassData, floor],
    without: [sandbox],
  },
  {
    name: 'sandbox',
    kind: 'tests',
    limit: 180,
    isolation: 'process',
    files: [sandbox],
  },
  {
    name: 'kernel',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    // The laboratory of namespaces that the other suites stand on is tested with the kernel.
    files: ['test/kernel/**/*.test.ts', 'test/lab/**/*.test.ts'],
  },
  {
    name: 'barrier',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    files: ['barrier/**/*.test.ts', 'test/barrier/**/*.test.ts'],
  },
  {
    name: 'fake-runner',
    kind: 'tests',
    limit: 180,
    isolation: 'process',
    files: ['test/fake-runner/**/*.test.ts'],
  },
  {
    name: 'dns',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    files: ['test/dns/**/*.test.ts'],
  },
  {
    name: 'e2e',
    kind: 'tests',
    limit: 900,
    isolation: 'process',
    files: ['test/e2e/**/*.test.ts'],
  },
  {
    name: 'replay',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    // Each has a world of its own.
    concurrency: 2,
    files: ['test/replay/*.test.ts'],
  },
  {
    name: 'bypass',
    kind: 'tests',
    limit: 600,
    isolation: 'process',
    files: ['test/bypass/**/*.test.ts'],
    without: [bypassData],
  },
  {
    name: 'cluster',
    kind: 'tests',
    limit: 900,
    isolation: 'process',
    files: ['test/cluster/**/*.test.ts', 'test/agent/**/*.test.ts'],
    without: [longRuns],
    ...clusterOfItsOwn,
  },
  {
    name: 'race',
    kind: 'tests',
    limit: 900,
    isolation: 'process',
    files: [longRuns],
    ...clusterOfItsOwn,
  },
  {
    name: 'race-full',
    kind: 'tests',
    full: true,
    limit: 5400,
    isolation: 'process',
    files: [longRuns],
    ...clusterOfItsOwn,
    environment: () => ({
      ...clusterOfItsOwn.environment(),
      TORWACHT_RACE_PODS: '200',
      TORWACHT_SOAK_PODS: '1000',
    }),
  },
  {
    name: 'kernels',
    kind: 'tests',
    full: true,
    limit: 5400,
    isolation: 'process',
    files: ['test/kernels/kernels.test.ts'],
    report: 'build/kernels/table.txt',
  },
  {
    name: 'fuzz',
    kind: 'tests',
    full: true,
    limit: 1500,
    isolation: 'process',
    files: [
      ...['differential', 'sequences', 'egress'].map((name) => `test/kernel/${name}.test.ts`),
      'test/native/planted.test.ts',
      'test/dns/hostile.test.ts',
    ],
    // By default some ten thousand; see there for how one seed is asked again.
    environment: () => ({ TORWACHT_CASES: '1000000', TORWACHT_MESSAGES: '2000000' }),
  },
  {
    name: 'native',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    files: ['test/native/fuzz.test.ts'],
  },
  {
    name: 'asan',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    files: ['bpf/**/*.test.ts'],
    environment: sanitized,
  },
  {
    name: 'asan-kernel',
    kind: 'tests',
    full: true,
    limit: 600,
    isolation: 'process',
    files: ['test/kernel/**/*.test.ts'],
    environment: sanitized,
  },
];

/**
 * Node itself is not built with the sanitizers, so their runtimes must be loaded before it. Leaks are
 * not looked for: Node ends without freeing what it holds.
 */
function sanitized(): Record<string, string> {
  const library = (name: string) =>
    execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    TORWACHT_ADDON: join(import.meta.dirname, '../../build/asan/torwacht.node'),
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  };
}
