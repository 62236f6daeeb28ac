/**
 * The table of suites: what `node test/run.ts` knows. A new suite is a new row. Two kinds: a check is
 * one command that passes or fails, a suite of tests is files of node:test.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ownedName } from '../cluster/names.ts';
import { cacheFolder } from './cache.ts';

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

/** Folders whose tests stand beside the source. */
const layers = [
  'api',
  'policy',
  'dns',
  'kube',
  'delivery',
  'bpf',
  'agent',
  'operator',
  'webhook',
  'cli',
];
/** Stand beside their source as well, but start some hundred sandboxes, agents or engines, or a database. */
const slow = [
  'cli/sandbox/{sandbox,launch,mounts,sockets,terminal}.test.ts',
  'cli/doctor/host.test.ts',
  'agent/parent/*.test.ts',
  'agent/leftovers/*.test.ts',
  'bpf/addon.test.ts',
  'operator/history/postgres.test.ts',
  'test/monitoring/prometheus.test.ts',
];
/** Techniques as data, the page that is made from them, and who judges: they start nothing. */
const bypassData = 'test/bypass/{table,judge}.test.ts';
/** Compiled programs against the kernels that they claim: they are read, not run. */
const floor = 'test/kernels/{floor/floor,table}.test.ts';
const house = ['bench', 'test/runner', 'test/chainsaw/runner', 'test/replay/docs', 'scripts'];

/** Compiles everything four times. */
const imagesTwice = 'test/images/twice.test.ts';
/** Its image takes minutes to make. */
const nested = 'test/agent/nested.test.ts';
/** Images of another version, and the chart installed, upgraded, rolled back: chart.test.ts does a part of it. */
const upgrade = 'test/agent/upgrade.test.ts';
/** What enforces NetworkPolicies takes minutes to build. */
const closed = 'test/agent/closed.test.ts';
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
    command: [
      'node_modules/.bin/tsc',
      '--noEmit',
      '--incremental',
      '--tsBuildInfoFile',
      `${cacheFolder}/types.tsbuildinfo`,
      '-p',
      '.',
    ],
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
      // By contents: a checkout gives all files the time of now.
      '--cache',
      `${cacheFolder}/layers`,
      '--cache-strategy',
      'content',
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
    limit: 420,
    isolation: 'none',
    // Some of them wait for programs; others compute meanwhile.
    concurrency: 2,
    files: [
      ...[...layers, ...house].map((folder) => `${folder}/**/*.test.ts`),
      ...['test/chainsaw/plan.test.ts', bypassData, floor],
    ],
    without: slow,
  },
  {
    name: 'kernels',
    kind: 'tests',
    beside: true,
    lowPriority: true,
    // A test is a whole machine, and machines are emulated on hosts that do something else as well.
    limit: 5400,
    isolation: 'process',
    files: ['test/kernels/kernels.test.ts'],
    report: 'build/kernels/table.txt',
  },
  {
    name: 'apiserver',
    kind: 'tests',
    beside: true,
    limit: 1200,
    isolation: 'process',
    files: ['apiserver', 'kube', 'crd', 'cluster-cli'].map(
      (folder) => `test/${folder}/**/*.test.ts`,
    ),
  },
  {
    name: 'admission',
    kind: 'tests',
    beside: true,
    limit: 1200,
    isolation: 'process',
    files: ['test/admission/**/*.test.ts'],
  },
  {
    name: 'operator',
    kind: 'tests',
    beside: true,
    limit: 1200,
    isolation: 'process',
    files: ['test/operator/**/*.test.ts'],
  },
  {
    name: 'chart',
    kind: 'tests',
    limit: 300,
    isolation: 'none',
    concurrency: 2,
    files: ['test/chart/*.test.ts'],
  },
  {
    name: 'slow',
    kind: 'tests',
    limit: 420,
    isolation: 'process',
    files: slow,
  },
  {
    name: 'kernel',
    kind: 'tests',
    limit: 900,
    isolation: 'process',
    // The laboratory of namespaces that the other suites stand on is tested with the kernel.
    files: ['test/kernel/**/*.test.ts', 'test/lab/**/*.test.ts'],
  },
  {
    name: 'barrier',
    kind: 'tests',
    limit: 600,
    isolation: 'process',
    files: ['barrier/**/*.test.ts', 'test/barrier/**/*.test.ts'],
  },
  {
    name: 'fake-runner',
    kind: 'tests',
    limit: 420,
    isolation: 'process',
    files: ['test/fake-runner/**/*.test.ts'],
  },
  {
    name: 'dns',
    kind: 'tests',
    limit: 600,
    isolation: 'process',
    files: ['test/dns/**/*.test.ts'],
  },
  {
    name: 'e2e',
    kind: 'tests',
    limit: 1200,
    isolation: 'process',
    files: ['test/e2e/**/*.test.ts', 'test/attribution/*.test.ts'],
  },
  {
    name: 'outage',
    kind: 'tests',
    limit: 300,
    isolation: 'process',
    files: ['test/outage/*.test.ts'],
  },
  {
    name: 'replay',
    kind: 'tests',
    limit: 600,
    isolation: 'process',
    // Each has a world of its own.
    concurrency: 2,
    files: ['test/replay/*.test.ts'],
  },
  {
    name: 'bypass',
    kind: 'tests',
    limit: 1200,
    isolation: 'process',
    files: ['test/bypass/**/*.test.ts'],
    without: [bypassData],
  },
  {
    name: 'cluster',
    kind: 'tests',
    limit: 1500,
    isolation: 'process',
    files: ['test/cluster/**/*.test.ts', 'test/agent/**/*.test.ts', 'test/images/*.test.ts'],
    without: [longRuns, nested, upgrade, closed, imagesTwice],
    ...clusterOfItsOwn,
  },
  {
    name: 'consumer',
    kind: 'tests',
    limit: 1200,
    isolation: 'process',
    files: ['test/consumer/**/*.test.ts'],
  },
  {
    name: 'operator-full',
    kind: 'tests',
    full: true,
    limit: 3600,
    isolation: 'process',
    files: ['test/operator/{chaos,scale}.test.ts'],
    environment: () => ({ TORWACHT_CHANGES: '500', TORWACHT_SCALE: 'full' }),
  },
  {
    name: 'outage-full',
    kind: 'tests',
    full: true,
    limit: 3600,
    isolation: 'process',
    files: ['test/outage/*.test.ts'],
    environment: () => ({
      ...{ TORWACHT_JOBS: '20', TORWACHT_ATTEMPTS: '1000000', TORWACHT_OUTAGE: '600' },
    }),
  },
  {
    name: 'race',
    kind: 'tests',
    limit: 1500,
    isolation: 'process',
    files: [longRuns],
    ...clusterOfItsOwn,
  },
  {
    name: 'images',
    kind: 'tests',
    full: true,
    limit: 1800,
    isolation: 'process',
    files: [imagesTwice],
    report: 'build/images/table.txt',
  },
  {
    name: 'nested',
    kind: 'tests',
    full: true,
    limit: 1200,
    isolation: 'process',
    files: [nested],
    ...clusterOfItsOwn,
  },
  {
    name: 'closed',
    kind: 'tests',
    full: true,
    limit: 900,
    isolation: 'process',
    files: [closed],
    ...clusterOfItsOwn,
  },
  {
    name: 'chainsaw',
    kind: 'tests',
    full: true,
    limit: 1800,
    isolation: 'process',
    files: ['test/chainsaw/cases.test.ts'],
    ...clusterOfItsOwn,
  },
  {
    name: 'upgrade',
    kind: 'tests',
    full: true,
    limit: 900,
    isolation: 'process',
    files: [upgrade],
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
    name: 'fuzz-admission',
    kind: 'tests',
    full: true,
    limit: 3000,
    isolation: 'process',
    files: ['test/admission/fuzz.test.ts'],
    environment: () => ({ TORWACHT_REVIEWS: '1000000' }),
  },
  {
    name: 'native',
    kind: 'tests',
    limit: 600,
    isolation: 'process',
    files: ['test/native/fuzz.test.ts'],
  },
  {
    name: 'asan',
    kind: 'tests',
    limit: 600,
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
