/** A CI job with a poisoned dependency: without an agent, held by that of its node, and observed. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { secrets, thief } from '../demo/world.ts';
import { REGISTRY_NAME, REGISTRY_PORT } from '../lab/servers/registry.ts';
import { type NodeAgent, startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';
import { type EndedJob, furnish, PROJECT, runCiJob, stolen } from './job.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const METADATA = '169.254.169.254';
const reach = { fqdn: [REGISTRY_NAME], ports: [{ port: REGISTRY_PORT, protocol: 'TCP' as const }] };
let cluster: Cluster;

before(async () => {
  if (skip === false) cluster = await useCluster();
});

/** Installed for real, and nothing in the log speaks of us: it reads as any job's. */
function assertRan({ result, log }: EndedJob): void {
  assert.equal(result, 'success', log);
  assert.match(log, /\n1970-01-01\n/);
  assert.match(log, /Job succeeded/);
  assert.doesNotMatch(
    log.replaceAll(/^.*(status is|Not(Ready|Initialized)).*$/gm, ''),
    /torwacht-barrier/,
  );
}

/** Denied whatever the mode. */
const toMetadata = { action: 'block', ip: METADATA, port: 80, reason: 'metadata' } as const;

/** Each kind of call home has its row, which names the job and the script that did it. */
async function assertRows(
  agent: NodeAgent,
  namespace: string,
  job: EndedJob,
  expected: readonly Partial<EgressEvent>[],
): Promise<void> {
  const pod = job.pod?.pod ?? '';
  for (const wanted of [...expected, toMetadata]) {
    const is = (row: EgressEvent): boolean =>
      row.pod === pod &&
      row.argv === 'node postinstall.js' &&
      Object.entries(wanted).every(([key, value]) => row[key as keyof EgressEvent] === value);
    const row = await agent.untilRow(`a row of ${JSON.stringify(wanted)}`, is);
    assert.equal(row.namespace, namespace);
    assert.equal(row.project_id, String(PROJECT));
    assert.equal(row.job_name, 'install');
    assert.equal(row.container, 'build');
    assert.equal(row.comm, 'node');
    assert.equal(row.parent_comm, 'sh');
    // From the container's shell, which the runner attached to, down to what npm started.
    const line = row.ancestry.map(({ comm }) => comm);
    assert.deepEqual(line.slice(-3), ['sh', 'npm install', 'sh']);
    assert.ok(!line.includes('containerd-shim'), line.join());
  }
  // The resolver tried each name with the cluster's endings first.
  const endings = agent.rows(pod).filter(({ domain }) => domain?.endsWith('.cluster.local'));
  assert.deepEqual(endings, []);
  const allowed = agent.rows(pod).find(({ action }) => action === 'allow');
  assert.equal(allowed?.domain, REGISTRY_NAME);
  assert.equal(allowed?.comm, 'npm install');
}

test('a job with a poisoned dependency', { skip }, async (t) => {
  const internet = cluster.internet(t);
  const furniture = await furnish(internet);
  const [free, blocked, observed] = await Promise.all([
    cluster.namespace(t, 'free'),
    cluster.namespace(t, 'blocked'),
    cluster.namespace(t, 'observed'),
  ]);

  await t.test('no agent: the job starts never, and the pod says why', async () => {
    const job = await runCiJob(cluster, blocked, { deadline: '1s' });
    assert.equal(job.result, 'system-failure', job.log);
    assert.match(job.log, /prepare environment: waiting for pod running: pod status is failed/);
    const message = job.known.status?.initContainerStatuses?.[0]?.state.terminated?.message ?? '{}';
    const { code, hint } = JSON.parse(message) as { code: string; hint: string };
    assert.equal(code, 'TW_BARRIER_NO_ANSWER');
    assert.match(hint, /agent/);
    for (const { state } of job.known.status?.containerStatuses ?? []) {
      assert.deepEqual(Object.keys(state), ['waiting'], JSON.stringify(job.known.status));
    }
    assert.equal(job.known.status?.containerStatuses?.length, 2);
  });

  const trust = { annotations: true };
  const agent = await startAgent(t, cluster, [
    binding(blocked, { trust }),
    policy(blocked, reach),
    binding(observed, { trust, mode: 'Observe' }),
    policy(observed, reach),
  ]);

  await t.test('without enforcement it steals (the control)', async () => {
    const job = await runCiJob(cluster, free);
    assertRan(job);
    assert.match(job.log, /\n142\.11\.206\.73: connected\n/);
    assert.equal(stolen(furniture).length, 1);
    assert.ok(stolen(furniture)[0]?.includes(secrets.NPM_TOKEN));
    assert.equal(agent.rows(job.pod?.pod).length, 0);
  });

  await t.test('held, it installs and steals nothing; rows say who tried what', async () => {
    const before = internet.packetsTo(thief.address);
    const job = await runCiJob(cluster, blocked, { deadline: '60s' });
    assertRan(job);
    assert.match(job.log, /\n142\.11\.206\.73: EPERM\n/, 'refused at once, not by a time-out');
    assert.equal(internet.packetsTo(thief.address), before);
    assert.equal(stolen(furniture).length, 1);
    await assertRows(agent, blocked, job, [
      { action: 'block', domain: thief.name, ip: null, reason: 'default' },
      { action: 'block', domain: null, ip: thief.address, port: thief.port, reason: 'default' },
    ]);
  });

  await t.test('observed, it steals, and rows say what Block would have refused', async () => {
    const job = await runCiJob(cluster, observed, { deadline: '60s' });
    assertRan(job);
    assert.match(job.log, /\n142\.11\.206\.73: connected\n/);
    assert.equal(stolen(furniture).length, 2);
    await assertRows(agent, observed, job, [
      { action: 'observe', domain: thief.name, ip: thief.address, port: thief.port },
    ]);
  });
});
