/** The table of suites: what `node test/run.ts` knows. A new suite is a new row. */
import { cacheFolder } from './cache.ts';
import { fullSuites, longRuns, ofFullRuns } from './full-suites.ts';
import type { Suite } from './suite.ts';
import { clusterOfItsOwn, sanitized } from './worlds.ts';

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

const everyRun: readonly Suite[] = [
  {
    name: 'types',
    kind: 'check',
    limit: 600,
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
    limit: 600,
    command: ['node_modules/.bin/biome', 'ci', '--error-on-warnings', '--colors=off'],
  },
  {
    name: 'layers',
    kind: 'check',
    limit: 600,
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
    limit: 600,
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
    limit: 9000,
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
    name: 'consumer',
    kind: 'tests',
    beside: true,
    limit: 1200,
    isolation: 'process',
    files: ['test/consumer/**/*.test.ts'],
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
    without: [longRuns, ...ofFullRuns],
    ...clusterOfItsOwn,
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
];

export const suites: readonly Suite[] = [...everyRun, ...fullSuites];
