/**
 * Size: what it costs, and how long until all nodes hold a change. Small by default; `TORWACHT_SCALE=full` is
 * what issue and README speak of. Figures are printed; what decides are counts of writes, and the memory.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { egressPolicies, nodeAgents } from '#operator/resources.ts';
import { ROOT } from '../cluster/names.ts';
import { Agents } from './agents.ts';
import { lastFirst, useCluster } from './cluster.ts';
import { installRights } from './replicas.ts';
import { addNodes, bundleOf, fill, nodeNames, policyPath, policySpec, type Size } from './scale.ts';
import { cpuOf, Steps } from './steps.ts';
import { eventually } from './wait.ts';

const full = process.env.TORWACHT_SCALE === 'full';
const size: Size = full
  ? { nodes: 1000, namespaces: 500, policies: 5000, bindings: 50 }
  : { nodes: 50, namespaces: 20, policies: 200, bindings: 4 };
const LIMIT = full ? 600 : 120;

const ending = lastFirst({ after });
const { api, client } = await useCluster(ending);
await installRights(api);
const account = api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-operator'));

/** As `bin/torwacht-operator` starts it. */
const flags = (
  readFileSync(join(ROOT, 'bin/torwacht-operator'), 'utf8').match(/--max\S+=\S+/g) ?? []
).map((flag) => flag.replace(/\$\{\w+:-(\d+)\}/, '$1'));

interface Counting {
  readonly child: ChildProcess;
  /** Requests so far, by verb and resource. */
  writes(): Promise<Record<string, number>>;
}

/** A process of its own, so that its memory and CPU are its own; it counts its requests. */
function startCounting(): Counting {
  const program = join(ROOT, 'test/operator/fixtures/counting.ts');
  const child = spawn(process.execPath, [...flags, program, account], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    child,
    async writes() {
      child.send('writes');
      const [counts] = await once(child, 'message');
      return counts as Record<string, number>;
    },
  };
}

/** Of a process, from /proc: MiB now and at most, seconds of CPU. */
function usage({ child }: Counting) {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const mebibytes = (field: string) =>
    Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return { rss: mebibytes('VmRSS'), peak: mebibytes('VmHWM'), seconds: cpuOf(child.pid) };
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((all, one) => all + one, 0);

test(`${size.nodes} nodes, ${size.policies} policies, ${size.namespaces} namespaces, ${size.bindings} bindings`, async (t) => {
  let begun = performance.now();
  await fill(client, size);
  t.diagnostic(`objects written in ${seconds(begun)}`);

  begun = performance.now();
  let operator = startCounting();
  ending.after(async () => void operator.child.kill('SIGKILL'));
  const agents = new Agents(api);
  ending.after(() => agents.stop());
  await addNodes(client, size.nodes);
  await agents.start(nodeNames(size.nodes));
  t.diagnostic(`nodes and agents started in ${seconds(begun)}`);
  const all = [...agents.all.values()];
  const holdsAll = () => all.every(({ held }) => held.size === size.bindings);
  await eventually('all nodes hold all bindings', holdsAll, LIMIT);
  await quiet(operator);
  const first = await operator.writes();
  t.diagnostic(
    `first rollout ${seconds(begun)}; ${sum(first)} writes; ${describe(usage(operator))}`,
  );

  const before = await operator.writes();
  assert.equal(sum(before), 0, 'nothing changes, nothing is written');
  agents.readEach();
  const [namespace = '', name = ''] = policyPath(size, 7).split('/');
  const bundle = bundleOf(size, 7);
  const [watcher] = all;
  const old = watcher?.headOf(bundle);
  assert.ok(old);
  agents.requests.clear();
  const pids = { 'API server': api.server.pid, etcd: api.etcd.pid, operator: operator.child.pid };
  const steps = new Steps({ ...pids, agents: process.pid });
  begun = performance.now();
  const edited = { metadata: { name, namespace }, spec: policySpec(7, 1) };
  await client.apply(egressPolicies, edited, { force: true });
  const isNew = () => {
    const digest = watcher?.headOf(bundle);
    return digest !== old && all.every(({ held }) => held.get(bundle)?.digest === digest);
  };
  await eventually('all nodes hold the edit', isNew, LIMIT);
  const took = seconds(begun);
  steps.add(
    'told of the head',
    all.map(({ seen }) => (seen.get(bundle) ?? 0) - begun),
  );
  steps.add(
    'held',
    all.map(({ held }) => (held.get(bundle)?.at ?? 0) - begun),
  );
  const gets = agents.requests.get('get policybundles') ?? 0;
  t.diagnostic(`an edit, until it is held: ${steps.said()}`);
  assert.equal(gets, 0, 'the head brings along what changed');
  await eventually(
    'it is said so',
    async () => {
      const { status } = await client.get(egressPolicies, { name, namespace });
      return status?.observedGeneration === 2 && status.nodes?.ready === size.nodes;
    },
    LIMIT,
  );
  const told = seconds(begun);
  await quiet(operator);
  const edit = await operator.writes();
  t.diagnostic(
    `an edit: all nodes hold it after ${took}, its status says so after ${told}; ${JSON.stringify(edit)}`,
  );
  t.diagnostic(
    `an edit, until it is said: ${steps.said()}; of agents: ${sayCounts(agents.requests)}`,
  );
  assert.equal(edit['create policybundles'], 1);
  assert.equal(edit['patch policybundles'], 1);
  assert.equal(edit['patch nodeagents'], undefined);
  assert.ok(sum(edit) <= 40, `${sum(edit)} writes for one edit`);

  const used = usage(operator);
  t.diagnostic(`operator: ${describe(used)}`);
  assert.ok(used.peak <= 300, `${used.peak} MiB at most`);

  operator.child.kill('SIGKILL');
  begun = performance.now();
  operator = startCounting();
  await eventually(
    'the next one has read and built everything',
    async () => {
      await sleep(100);
      operator.child.send('complete');
      const [complete] = await once(operator.child, 'message');
      return complete === true;
    },
    LIMIT,
  );
  t.diagnostic(`cold start: built after ${seconds(begun)}`);
  await quiet(operator);
  const again = await operator.writes();
  t.diagnostic(`cold start: ${JSON.stringify(again)}; ${describe(usage(operator))}`);
  assert.equal(sum(again), 0, 'what is there already is not written again');
  const { items } = await client.list(nodeAgents, { limit: 1 });
  t.diagnostic(
    `a NodeAgent has ${JSON.stringify(items[0]).length} bytes; load ${loadavg()[0]?.toFixed(1)}`,
  );
});

function sayCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}

function describe({ rss, peak, seconds: cpu }: ReturnType<typeof usage>): string {
  return `${rss} MiB now, ${peak} at most, ${cpu.toFixed(1)} s of CPU`;
}

/** Until it has used no CPU to speak of for two seconds. */
async function quiet(operator: Counting): Promise<void> {
  for (let last = usage(operator).seconds; ; ) {
    await sleep(2000);
    const now = usage(operator).seconds;
    if (now - last < 0.1) return;
    last = now;
  }
}
