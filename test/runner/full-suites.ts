/** Suites of the full run alone, and files that only they have: longer, larger, or minutes to build. */
import type { Suite } from './suite.ts';
import { clusterOfItsOwn, sanitized } from './worlds.ts';

/** Compiles everything four times. */
const imagesTwice = 'test/images/twice.test.ts';
/** Its image takes minutes to make. */
const nested = 'test/agent/nested.test.ts';
/** Images of another version, and the chart installed, upgraded, rolled back: chart.test.ts does a part of it. */
const upgrade = 'test/agent/upgrade.test.ts';
/** What enforces NetworkPolicies takes minutes to build. */
const closed = 'test/agent/closed.test.ts';
/** Many pods: how many is for the suite to say. */
export const longRuns = 'test/agent/{race,soak}.test.ts';

/** What no other suite takes of test/agent and test/images. */
export const ofFullRuns: readonly string[] = [imagesTwice, nested, upgrade, closed];

export const fullSuites: readonly Suite[] = [
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
    name: 'containerd',
    kind: 'tests',
    full: true,
    limit: 2400,
    isolation: 'process',
    // What hangs on the runtime's events and records, and that nothing gets out before.
    files: ['test/agent/{life,pods,job,race}.test.ts'],
    ...clusterOfItsOwn,
    environment: () => ({ ...clusterOfItsOwn.environment(), TORWACHT_CONTAINERD: 'built' }),
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
    name: 'asan-kernel',
    kind: 'tests',
    full: true,
    limit: 600,
    isolation: 'process',
    files: ['test/kernel/**/*.test.ts'],
    environment: sanitized,
  },
];
