/** A job that floods its resolver takes its own share and nobody else's. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { defaultBudget } from '#agent/target/budget.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { imageTag } from '../cluster/images/images.ts';
import { type EndedPod, podManifest } from '../cluster/pods.ts';
import { waitFor } from '../cluster/wait.ts';
import { startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const OTHERS = 4;
const LOOKUPS = 100;
/** The barrier asks after 10, 20, 40, 80, 160 ms and then every 200: an agent that is not busy needs one. */
const MOST_ATTEMPTS = 10;
const SECONDS = 240;

let cluster: Cluster;

before(async () => {
  if (skip !== false) return;
  cluster = await useCluster();
  for (const image of ['first', 'barrier', 'musl'] as const) await cluster.image(image);
});

const barrier = {
  name: 'barrier',
  image: imageTag('barrier'),
  imagePullPolicy: 'Never',
  args: ['--deadline', '120s'],
};

test('while a pod floods, others are attached and answered, and it gets what its budget says', {
  skip,
}, async (t) => {
  const internet = cluster.internet(t);
  const names = (pod: number) =>
    Array.from({ length: LOOKUPS }, (_, i) => `n${i}.pod${pod}.example.test`);
  const all = Array.from({ length: OTHERS }, (_, pod) => names(pod)).flat();
  const dns = await internet.dnsmasq([
    ...all.map((name) => ({ name, address: '192.0.2.20' })),
    { name: 'flood.test', address: '192.0.2.21' },
  ]);
  const namespace = await cluster.namespace(t, 'flood');
  const agent = await startAgent(t, cluster, [
    binding(namespace),
    policy(namespace, { fqdn: ['**.example.test', '**.flood.test'], ports: [{ port: 8000 }] }),
  ]);
  const dropped = (): number => {
    const line = /^torwacht_kernel_counter\{counter="queries_dropped"\} (\d+)$/m;
    return Number(line.exec(agent.get('/metrics') ?? '')?.[1]);
  };
  const began = performance.now();
  await cluster.apply(
    podManifest(namespace, 'flood', {
      image: imageTag('first'),
      command: ['/flood', '192.0.2.99', 'flood.test', `${SECONDS}`],
      init: [barrier],
    }),
  );
  await waitFor('it floods', () => dropped() > 10_000);
  const before = dropped();
  const others: EndedPod[] = await Promise.all(
    Array.from({ length: OTHERS }, (_, pod) =>
      cluster.runPod(namespace, {
        image: imageTag('musl'),
        command: ['resolve', ...names(pod)],
        init: [barrier],
      }),
    ),
  );
  const during = dropped();
  const seconds = (performance.now() - began) / 1000;
  for (const [pod, { code, log, name }] of others.entries()) {
    assert.equal(code, 0, log);
    assert.equal(
      log,
      names(pod)
        .map((one) => `${one} 192.0.2.20\n`)
        .join(''),
    );
    const said = await cluster.kubectl(['logs', name, '-c', 'barrier', `--namespace=${namespace}`]);
    const { code: how, attempts } = JSON.parse(said) as { code: string; attempts: number };
    assert.equal(how, 'TW_BARRIER_ATTACHED');
    assert.ok(attempts <= MOST_ATTEMPTS, `${attempts} questions until it was attached`);
  }
  // It went on all the while, and got no more than its budget gives.
  assert.ok(during > before, `${during} dropped, ${before} before`);
  const asked = dns.queries().filter(({ name }) => name.endsWith('.flood.test')).length;
  const budget = defaultBudget.queryBurst + defaultBudget.queriesPerSecond * seconds;
  assert.ok(asked > 0 && asked <= budget, `${asked} of ${budget}`);
});
