/** From one version of the chart to another and back, while a job of the runner's works: its images and templates differ, and how maps are laid out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from '../../scripts/images/labels.ts';
import { CHART } from '../chart/helm.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { startServer } from '../kernel/job.ts';
import { OTHER_VERSION } from '../kernel/other-build.ts';
import { at } from './install.ts';
import { admits } from './install-api.ts';
import { runCiJob } from './job.ts';
import { only, packOlderChart } from './older-chart.ts';
import { otherImages } from './other-images.ts';
import { imageValues, kubeconfigOf, prepare, release, set, waiting } from './release.ts';
import { bad, checkout, good, skip } from './scene.ts';

/** Of `fixtures/work.ts`. */
interface Work {
  readonly received: number;
  readonly cut: string;
  readonly visits: { readonly done: number; readonly failed: readonly string[] };
  readonly attempts: { readonly refused: number; readonly other: readonly string[] };
}

const work = `work.ts ${good.name} ${good.port} ${bad.address} ${bad.port}`;

/** Is there one of these, of the version in force alone? */
async function holdsOnly(cluster: Cluster, here: keyof typeof only): Promise<void> {
  const gone = here === 'older' ? only.newer : only.older;
  const get = (what: string) => ['get', what, ...at, '-o', 'name', '--ignore-not-found'];
  assert.notEqual(await cluster.kubectl(get(only[here])), '', `${only[here]} is missing`);
  assert.equal(await cluster.kubectl(get(gone)), '', `${gone} is still there`);
}

/** One agent alone, of this version, by what it says itself; it has taken over and holds the job. */
async function agentIs(cluster: Cluster, wanted: string): Promise<void> {
  await waitFor(`the agent is ${wanted}, and it alone`, async () => {
    const pods = await cluster.kubectl([
      ...['get', 'pods', ...at, '-l', 'app.kubernetes.io/name=torwacht-agent', '-o', 'name'],
    ]);
    const said = await cluster.kubectl(['logs', 'daemonset/torwacht-agent', ...at]);
    const lines = said.split('\n').filter((line) => line.includes('"pod held"'));
    return (
      pods.trim().split('\n').length === 1 &&
      lines.some((line) => line.includes(`"version":"${wanted}"`))
    );
  });
}

test('a job works on through an upgrade of the chart and its rollback', { skip }, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  await internet.dnsmasq([{ ...good, ttl: 1 }]);
  await internet.sink([{ kind: 'tcp', address: bad.address, port: bad.port }]);
  const server = await startServer(internet, good);
  const others = await otherImages(cluster, ['agent', 'operator', 'webhook']);
  const older = packOlderChart(internet.folder);
  const { must, timed } = release(t, cluster);

  const from = set(await imageValues(cluster, others));
  await must('install', 'torwacht', older, '--create-namespace', ...from, ...waiting);
  await admits(cluster);
  const jobs = await cluster.namespace(t, 'jobs');
  await prepare(cluster, jobs, { reach: [good] });
  const running = timed('the job', () =>
    runCiJob(cluster, jobs, {
      deadline: '60s',
      kubeconfig: kubeconfigOf(t, cluster, jobs),
      // resolv.conf(5): 5 s by default. A machine that runs other tests takes its time to start an agent.
      script: [`RES_OPTIONS=timeout:30 node /checkout/test/agent/fixtures/${work}`],
    }),
  );
  await Promise.race([
    running,
    waitFor('the job downloads', () => internet.packetsTo(good.address, good.port) > 100),
  ]);
  await holdsOnly(cluster, 'older');
  await agentIs(cluster, OTHER_VERSION);

  const to = set(await imageValues(cluster));
  await must('upgrade', 'torwacht', CHART, ...to, ...waiting);
  await agentIs(cluster, version());
  await holdsOnly(cluster, 'newer');
  await must('rollback', 'torwacht', '1', ...waiting);
  await agentIs(cluster, OTHER_VERSION);
  await holdsOnly(cluster, 'older');

  server.stop();
  const job = await running;
  assert.equal(job.result, 'success', job.log);
  const [, said = ''] = /^work (\{.*\})$/m.exec(job.log) ?? assert.fail(job.log);
  const { received, cut, visits, attempts } = JSON.parse(said) as Work;
  t.diagnostic(
    `${received} bytes by one connection, ${visits.done} visits, ${attempts.refused} tries to get out`,
  );
  assert.deepEqual([cut, visits.failed, attempts.other], ['', [], []]);
  assert.equal(`sent ${received}`, /^sent \d+/.exec(await server.line())?.[0]);
  assert.ok(visits.done > 100 && attempts.refused > 1000);
  assert.equal(internet.packetsTo(bad.address), 0);

  const free = await cluster.namespace(t, 'free');
  const reach = `/checkout/test/agent/fixtures/reach.ts`;
  const control = await cluster.runPod(free, {
    ...checkout,
    image: await cluster.image('debian'),
    command: ['node', reach, bad.address, String(bad.port)],
  });
  assert.equal(control.log, `${bad.address}: connected\n`);
  assert.ok(internet.packetsTo(bad.address) > 0);
  await must('uninstall', 'torwacht', ...waiting);
});
