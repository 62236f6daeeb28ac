/** The agent as config/agent installs it: a DaemonSet from the image, which holds a job as the process does. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { egressEventSchema } from '#api/event.ts';
import { useCluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { thief } from '../demo/world.ts';
import { REGISTRY_NAME, REGISTRY_PORT } from '../lab/servers/registry.ts';
import { pinsOf } from './agent.ts';
import { binding, policy } from './documents.ts';
import { at, install } from './install.ts';
import { furnish, runCiJob, stolen } from './job.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
test('as a DaemonSet it holds a job, and lets go when the pod has gone', { skip }, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  const furniture = await furnish(internet);
  const namespace = await cluster.namespace(t, 'job');
  const reach = {
    fqdn: [REGISTRY_NAME],
    ports: [{ port: REGISTRY_PORT, protocol: 'TCP' as const }],
  };
  await install(t, cluster, [binding(namespace), policy(namespace, reach)]);
  const job = await runCiJob(cluster, namespace, { deadline: '60s' });
  assert.equal(job.result, 'success', job.log);
  assert.match(job.log, /\n142\.11\.206\.73: EPERM\n/);
  assert.equal(internet.packetsTo(thief.address), 0);
  assert.deepEqual(stolen(furniture), []);

  const uid = job.known.metadata.uid;
  const logged = async (): Promise<Line[]> => {
    const text = await cluster.kubectl(['logs', 'daemonset/torwacht-agent', ...at]);
    return text.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Line)));
  };
  await waitFor('the pod has ended', async () =>
    (await logged()).some((line) => line.msg === 'pod ended' && line.uid === uid),
  );
  const rows = (await logged()).flatMap(({ event }) =>
    event ? egressEventSchema.parse(event) : [],
  );
  assert.ok(rows.some(({ ip, action }) => ip === thief.address && action === 'block'));
  assert.ok(rows.every(({ pod }) => pod === job.pod?.pod));
  assert.throws(() => readdirSync(pinsOf(cluster, uid)), /ENOENT/);
  // Before a sandbox has a process, unless containerd is too busy to answer in time.
  const ahead = async () => (await logged()).some((line) => line.ahead === true);
  for (let tries = 0; tries < 5 && !(await ahead()); tries++) {
    await cluster.runPod(namespace, { command: ['true'] });
  }
  assert.ok(await ahead());
});

interface Line {
  readonly msg: string;
  readonly uid?: string;
  readonly ahead?: boolean;
  readonly event?: unknown;
}
