/** The DaemonSet's agent dies, and its pod is replaced by others, while a job works: a download, look-ups, tries to get out. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { tree } from '../cluster/node/cgroups.ts';
import { podManifest } from '../cluster/pods.ts';
import { waitFor } from '../cluster/wait.ts';
import { buildJob, finish, startJob } from '../kernel/job.ts';
import { PATH } from '../lab/execute.ts';
import { pinsOf } from './agent.ts';
import { binding, policy } from './documents.ts';
import { at, install } from './install.ts';
import { barrier } from './job.ts';
import { otherImages } from './other-images.ts';
import { bad, good, skip } from './scene.ts';

const ASKED = { name: 'asked.example.test', address: '192.0.2.22', ttl: 1 };
const KILLS = 3;

/** Processes of a pod's containers, by a word of their command line. */
function pidsOf(cluster: Cluster, uid: string, word: string): readonly number[] {
  return tree(cluster.node.cgroup)
    .filter((folder) => folder.includes(`/pod${uid}`))
    .flatMap((folder) => readFileSync(`${folder}/cgroup.procs`, 'utf8').trim().split('\n'))
    .map(Number)
    .filter((pid) => pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word));
}

async function uidOf(cluster: Cluster, ...which: string[]): Promise<string> {
  return await cluster.kubectl(['get', 'pod', ...which, '-o', 'jsonpath={..metadata.uid}']);
}

/** Starts a program in the container that a process is in: its cgroup, its network, its files. */
function runBeside(pid: number, program: string, args: readonly string[]): ChildProcess {
  const line = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1];
  const enter = `echo $$ > "$1/cgroup.procs"; shift; exec nsenter "$@"`;
  const into = [`--target=${pid}`, '--net', '--mount', '--pid', '--', program, ...args];
  return spawn('sh', ['-ec', enter, 'sh', `${mount}${line}`, ...into], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH },
  });
}

/** The agent's own process, which the parent has started. */
async function agentPid(cluster: Cluster): Promise<number> {
  return await waitFor('the agent runs', async () => {
    const uid = await uidOf(cluster, ...at, '--field-selector=status.phase=Running');
    return pidsOf(cluster, uid, 'torwacht-agent.mjs').find(
      (pid) => !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('torwacht-parent'),
    );
  });
}

async function logOf(cluster: Cluster): Promise<string> {
  return await cluster.kubectl(['logs', 'daemonset/torwacht-agent', ...at]);
}

async function lives(cluster: Cluster): Promise<number> {
  return (await logOf(cluster)).split('\n').filter((line) => line.includes('"pod held"')).length;
}

/** Changes the DaemonSet, and waits until another pod has taken over and the one before is gone. */
async function rollOut(cluster: Cluster, ...change: string[]): Promise<void> {
  const before = await uidOf(cluster, ...at);
  await cluster.kubectl([...change, ...at]);
  await cluster.kubectl(['rollout', 'status', 'daemonset/torwacht-agent', ...at, '--timeout=120s']);
  await waitFor('the pod before is gone', async () => {
    const uids = (await uidOf(cluster, ...at)).split(' ');
    return uids.length === 1 && uids[0] !== before;
  });
  const log = await logOf(cluster);
  assert.match(log, /"sockets":[1-9]\d*,"msg":"taken over from the agent before"/);
  await waitFor('the job is held by it', async () => (await lives(cluster)) > 0);
}

/** The folder of maps that the agents of this node have now: it is called by their layout. */
function layouts(cluster: Cluster): readonly string[] {
  return readdirSync(pinsOf(cluster, '../maps')).sort();
}

test('kill -9 of the agent, then other pods and another build of it, while a job works', {
  skip,
}, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  await internet.dnsmasq([good, ASKED]);
  await internet.sink([{ kind: 'tcp', address: bad.address, port: bad.port }]);
  const held = await cluster.namespace(t, 'held');
  await cluster.image('barrier');
  const ports = [{ port: good.port, protocol: 'TCP' as const }];
  await install(t, cluster, [
    binding(held, { dns: { upstreams: [internet.dnsAddress] } }),
    policy(held, { fqdn: [good.name, ASKED.name], ports }),
  ]);
  const plan = {
    command: ['sleep', '600'],
    init: [barrier()],
    // A machine that runs other tests takes its time to start an agent.
    spec: { dnsConfig: { options: [{ name: 'timeout', value: '30' }] } },
  };
  await cluster.apply(podManifest(held, 'job', plan));
  const inHeld = [`--namespace=${held}`];
  await cluster.kubectl(['wait', 'pod/job', ...inHeld, '--for=condition=Ready', '--timeout=120s']);
  const [pid = 0] = pidsOf(cluster, await uidOf(cluster, 'job', ...inHeld), 'sleep');
  const program = buildJob(internet.folder, 'musl-gcc', '-static');
  copyFileSync(program, `/proc/${pid}/root/tmp/job`);
  const run = (args: readonly string[]) => runBeside(pid, '/tmp/job', args);
  const exec = ['exec', 'job', ...inHeld, '--'];
  // The last dot: it is asked as it is, not below the cluster's own domains first.
  const place = { lab: internet, run };
  const job = await startJob(
    place,
    { good, name: `${ASKED.name}.`, bad },
    async () => void (await cluster.kubectl([...exec, 'nslookup', `${good.name}.`])),
  );
  for (let round = 1; round <= KILLS; round++) {
    const agent = await agentPid(cluster);
    process.kill(agent, 'SIGKILL');
    await waitFor('the agent is gone', () => !existsSync(`/proc/${agent}`));
    await waitFor('the job is held again', async () => (await lives(cluster)) > round);
  }

  const [layout] = layouts(cluster);
  await rollOut(cluster, 'rollout', 'restart', 'daemonset/torwacht-agent');
  assert.deepEqual(layouts(cluster), [layout]);
  const { agent: other } = await otherImages(cluster, ['agent']);
  for (const image of [other, await cluster.image('agent')]) {
    const before = layouts(cluster);
    await rollOut(cluster, 'set', 'image', 'daemonset/torwacht-agent', `agent=${image}`);
    assert.equal(layouts(cluster).length, 1);
    assert.notDeepEqual(layouts(cluster), before);
  }
  assert.deepEqual(layouts(cluster), [layout]);

  const end = await finish(job);
  assert.ok(end.lookups.tried > 1000);
  assert.equal(end.lookups.failed, 0, 'look-ups that failed');
  t.diagnostic(`${end.lookups.tried} look-ups, ${end.hammer.attempts} tries to get out`);
  assert.ok(end.hammer.attempts > 100);
  assert.equal(end.hammer.passed, 0);
  assert.equal(end.received, end.sent);
  assert.equal(internet.packetsTo(bad.address), 0);

  const free = await cluster.namespace(t, 'free');
  const [to, port] = [bad.address, String(bad.port)];
  await cluster.runPod(free, { command: ['nc', '-w', '1', to, port] });
  assert.ok(internet.packetsTo(bad.address) > 0, 'control');
});
