/** Policies as objects of the API: applied by kubectl, in force for jobs that run, and what the objects say of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ViolationSpec } from '#api/violation.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { binding, policy } from './documents.ts';
import { installApi } from './install-api.ts';
import { live } from './live.ts';
import { skip } from './scene.ts';

/** A stream of a job's goes to the first, and it asks the other now and then. */
const first = { address: '198.51.100.7', port: 8000 } as const;
const other = { address: '198.51.100.8', port: 8000 } as const;

const reach = ({ address, port }: { readonly address: string; readonly port: number }) => ({
  cidr: [`${address}/32`],
  ports: [{ port, protocol: 'TCP' as const }],
});

const stream = `while :; do echo tick; sleep 0.1; done | nc ${first.address} ${first.port}`;

async function ready(cluster: Cluster, namespace: string, what: string): Promise<Status> {
  const at = `--namespace=${namespace}`;
  await cluster.kubectl(['wait', what, at, '--for=condition=Ready', '--timeout=60s']);
  return await statusOf(cluster, what, at);
}

interface Status {
  readonly nodes?: { readonly summary: string };
  readonly bindings?: readonly { readonly name: string }[];
  readonly policyCount?: number;
}

async function statusOf(cluster: Cluster, ...what: string[]): Promise<Status> {
  const text = await cluster.kubectl(['get', ...what, '-o', 'jsonpath={.status}']);
  return JSON.parse(text) as Status;
}

/** Undefined while there is none. */
async function violationsIn(cluster: Cluster, namespace: string) {
  const text = await cluster.kubectl([
    'get',
    'violations',
    `--namespace=${namespace}`,
    '-o',
    'json',
  ]);
  const { items } = JSON.parse(text) as { items: { spec: ViolationSpec }[] };
  return items.length === 0 ? undefined : items.map(({ spec }) => spec);
}

test('what kubectl applies and deletes, running jobs obey', { skip }, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  const sink = await internet.sink([
    { kind: 'tcp', ...first },
    { kind: 'http', ...other },
  ]);
  await installApi(t, cluster);
  const [held, free] = [await cluster.namespace(t, 'held'), await cluster.namespace(t, 'free')];
  const remove = (what: string) => cluster.kubectl(['delete', what, `--namespace=${held}`]);

  await cluster.apply(binding(held));
  const bound = await ready(cluster, held, 'runnerbinding/runners');
  assert.deepEqual([bound.nodes?.summary, bound.policyCount], ['1/1', 0]);
  const plan = { command: ['sh', '-c', `(${stream}) & sleep 600`] };
  const asking = { command: ['sleep', '600'] };
  const pod = await live(cluster, held, 'job', asking);
  const url = `http://${other.address}:${other.port}/`;
  const asks = () => pod.exec('sh', '-c', `wget -qO /dev/null ${url} 2>&1 && echo reached || true`);
  let attempts = 0;
  const refused = async () => {
    attempts++;
    assert.match(await asks(), /not permitted/);
  };
  const reached = async () => assert.equal(await asks(), 'reached\n');
  await refused();
  const tried = performance.now();
  const [row] = await waitFor('what was refused is a Violation', () => violationsIn(cluster, held));
  t.diagnostic(`a Violation after ${(performance.now() - tried).toFixed(0)} ms`);
  assert.deepEqual(
    [row?.process, row?.executable, row?.arguments, row?.action, row?.destination, row?.port],
    ['wget', '/proc/self/exe', `wget -qO /dev/null ${url}`, 'block', other.address, other.port],
  );
  assert.deepEqual([row?.count, row?.pods[0]?.name, row?.rule], [1, 'job', 'default']);

  await cluster.apply(policy(held, reach(first), reach(other)));
  const open = await ready(cluster, held, 'egresspolicy/reach');
  assert.deepEqual([open.nodes?.summary, open.bindings?.[0]?.name], ['1/1', 'runners']);
  await reached();

  // A stream that is allowed outlives an edit that is not about it, and is cut by one that is.
  const streaming = await live(cluster, held, 'stream', plan);
  const to = `${first.address}:${first.port}`;
  const streams = () =>
    sink.log().filter((one) => one.event === 'connection' && one.to === to).length;
  const flows = (what: string) => {
    const before = internet.packetsTo(first.address);
    return waitFor(what, () => internet.packetsTo(first.address) > before + 10);
  };
  await flows('the stream flows');
  assert.equal(streams(), 1);
  await cluster.apply(policy(held, reach(first)));
  await ready(cluster, held, 'egresspolicy/reach');
  await refused();
  await flows('the stream flows on');
  assert.equal(streams(), 1);

  await cluster.apply(policy(held, reach(other)));
  await ready(cluster, held, 'egresspolicy/reach');
  const cut = internet.packetsTo(first.address);
  await reached();
  await sleep(2000);
  assert.equal(internet.packetsTo(first.address), cut, 'packets of a stream that nothing allows');

  await remove('egresspolicy/reach');
  await waitFor('the binding is alone', async () => {
    const status = await statusOf(cluster, 'runnerbinding/runners', `--namespace=${held}`);
    return status.policyCount === 0 && status.nodes?.summary === '1/1';
  });
  await refused();

  // Without its binding a pod that was held stays held, and nothing is allowed to it; one that comes now is free.
  await cluster.apply(policy(held, reach(other)));
  await ready(cluster, held, 'egresspolicy/reach');
  await reached();
  await remove('runnerbinding/runners');
  await waitFor('the node holds no binding', async () => {
    const { bindings = [] } = await statusOf(cluster, 'nodeagent', cluster.node.name);
    return bindings.length === 0;
  });
  await refused();
  const late = await live(cluster, free, 'late', { command: ['sleep', '600'] });
  await late.exec('wget', '-qO-', `http://${other.address}:${other.port}/`);
  await Promise.all([pod.delete(), streaming.delete(), late.delete()]);
  await waitFor('every attempt is counted', async () => {
    const rows = (await violationsIn(cluster, held)) ?? [];
    const sum = rows
      .filter(({ process }) => process === 'wget')
      .reduce((all, one) => all + one.count, 0);
    return sum === attempts;
  });

  const metrics = ['wget', '-qO-', 'http://127.0.0.1:9465/metrics'];
  const { stdout } = cluster.node.run('busybox', metrics);
  const resident = /^process_resident_memory_bytes (\S+)$/m.exec(stdout)?.[1];
  t.diagnostic(`the agent's memory: ${(Number(resident) / 1e6).toFixed(0)} MB`);
  assert.match(stdout, /^torwacht_bundle_good 1$/m);
});
