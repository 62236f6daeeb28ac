/** Cases as part of a test: on the test cluster, with what is installed there or with their own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Cluster } from '../cluster/cluster.ts';
import { planFor } from './plan.ts';
import { CASES, runPlan } from './run.ts';
import { readCases } from './runner/read.ts';
import { worldOf } from './runner/world.ts';
import { survey } from './survey.ts';
import { chartOf, environmentIn } from './test-cluster.ts';

/** All of them where none is named. Fails with what they said. */
export async function casesPass(
  t: TestContext,
  cluster: Cluster,
  cases: readonly string[] = [],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const known = readCases(CASES);
  const world = worldOf(cluster.kubeconfig);
  const { kubeconfig } = cluster;
  const before = await survey(world);
  const chart = await chartOf(cluster);
  const names = known.map(({ name }) => name);
  const plan = planFor(names, { cases, kubeconfig, chart, appVersion: '' }, before);

  const lines: string[] = [];
  const outcomes = await runPlan(plan, known, {
    world,
    environment: environmentIn(folder),
    say: (line) => lines.push(line),
  });
  for (const { name, seconds } of outcomes) t.diagnostic(`case ${name}: ${seconds.toFixed(1)} s`);
  const faults = outcomes.flatMap((one) => one.faults.map((fault) => `${one.name}: ${fault}`));
  assert.deepEqual(faults, [], lines.join('\n'));
  assert.equal(outcomes.length, plan.cases.length);
  assert.deepEqual(await survey(world), before, 'the cluster is as it was');
}
