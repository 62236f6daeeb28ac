/** A pod from the agent's first look at it to its end: what is edited meanwhile, and what is left of it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { execute } from '../lab/execute.ts';
import { pinsOf, startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';
import { barrier } from './job.ts';
import { type LivePod, live } from './live.ts';
import { bad, type Scene, setScene, skip } from './scene.ts';

/** Asks for a path again and again, and says each time what came of it. */
const again = (path: string): readonly string[] => [
  'sh',
  '-c',
  `trap '' TERM; while :; do wget -qO- http://${bad.address}:${bad.port}/${path} 2>&1; sleep 0.1; done`,
];

/** What is attached to a pod and set in its network namespace. */
function traces({ cgroups, pids }: LivePod) {
  const [pause = 0] = pids('pause');
  const programs = cgroups().flatMap((folder) => {
    const shown = execute('bpftool', ['--json', 'cgroup', 'show', folder]).trim();
    return shown === '' ? [] : (JSON.parse(shown) as object[]);
  });
  const tables = execute('nsenter', [`--net=/proc/${pause}/ns/net`, 'nft', 'list', 'tables']);
  return { programs: programs.length, tables: tables.trim() };
}

test('pods from their start to their end', { skip, concurrency: 4 }, async (t) => {
  const scene = await setScene(t);
  await Promise.all([
    t.test('what no binding governs is not touched', () => untouched(scene)),
    t.test('the end of the pause process frees nothing, and at the end nothing is left', () =>
      unpaused(scene),
    ),
    t.test('of pods that have ended the agent keeps nothing', (t) => spent(t, scene)),
    t.test('an edit is in force for pods that run; a broken one leaves the last good', (t) =>
      edited(t, scene),
    ),
  ]);
});

async function untouched({ cluster, free, held }: Scene): Promise<void> {
  const plan = { command: ['sleep', '600'] };
  const [one, other] = await Promise.all([
    live(cluster, free, 'free', plan),
    live(cluster, held, 'held', { ...plan, init: [barrier()] }),
  ]);
  assert.deepEqual(traces(one), { programs: 0, tables: '' });
  assert.ok(traces(other).programs > 5);
  assert.equal(traces(other).tables, 'table inet torwacht');
  // The cluster's own names are answered by the cluster's own DNS; only governed pods ask us.
  const name = 'kubernetes.default.svc.cluster.local';
  assert.match(await one.exec('nslookup', name), /10\.96\.0\.1$/m);
  await assert.rejects(
    other.exec('nslookup', name),
    /can't find|can't resolve|NXDOMAIN|exit code 1/,
  );
  await Promise.all([one.delete(), other.delete()]);
}

async function unpaused({ cluster, free, held, agent, asked }: Scene): Promise<void> {
  const seen = asked();
  const lasting = { terminationGracePeriodSeconds: 8 };
  const [loose, pod] = await Promise.all([
    live(cluster, free, 'loose', { command: again('free'), spec: lasting }),
    live(cluster, held, 'paused', { command: again('held'), spec: lasting, init: [barrier()] }),
  ]);
  await waitFor('the control gets through', () => seen().includes('/free'));
  const [pause = 0] = pod.pids('pause');
  assert.ok(existsSync(pinsOf(cluster, pod.uid)));
  process.kill(pause, 'SIGKILL');
  await waitFor('the pause process is gone', () => pod.pids('pause').length === 0);
  assert.ok(pod.pids('sh').length > 0, 'the build lives on without it');
  assert.ok(readdirSync(pinsOf(cluster, pod.uid)).length > 0);
  assert.ok(!agent.log().some(({ msg, uid }) => msg === 'pod ended' && uid === pod.uid));
  await agent.untilLogged(
    'the pod has ended',
    ({ msg, uid }) => msg === 'pod ended' && uid === pod.uid,
  );
  assert.deepEqual(pod.cgroups(), []);
  assert.ok(!seen().includes('/held'));
  assert.ok(!existsSync(pinsOf(cluster, pod.uid)));
  await loose.delete();
}

async function edited(t: TestContext, { cluster, sink }: Scene): Promise<void> {
  const namespace = await cluster.namespace(t, 'edited');
  const open = policy(namespace, {
    cidr: [`${bad.address}/32`],
    ports: [{ port: bad.port, protocol: 'TCP' }],
  });
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  const pod = await live(cluster, namespace, 'edited', {
    command: again('edited'),
    init: [barrier()],
  });
  const arrived = (): number => sink.log().filter(({ path }) => path === '/edited').length;
  const more = (what: string) => {
    const before = arrived();
    return waitFor(what, () => arrived() > before);
  };
  const refused = (what: string) =>
    waitFor(what, async () => /^(.*not permitted\n){3}$/.test(await pod.log(3)));
  const inForce = (times: number) =>
    waitFor(
      'the edit is in force',
      () =>
        agent.log().filter(({ msg }) => msg === 'the changed bundle is in force').length === times,
    );

  await refused('nothing is allowed');
  assert.equal(arrived(), 0);
  agent.write([binding(namespace), open]);
  await more('what an edit opens');

  agent.write('kind: [RunnerBinding\n');
  const line = await agent.untilLogged('the broken edit', ({ code }) => code === 'TW_AGENT_BUNDLE');
  assert.match(String(line.reason), /documents\.yaml/);
  assert.equal(agent.get('/readyz'), undefined);
  await more('what the last good bundle allows');

  agent.write([binding(namespace)]);
  await inForce(2);
  assert.equal(agent.get('/readyz'), 'ok\n');
  await refused('what the next edit closes');
  await pod.delete();
}

async function spent(t: TestContext, { cluster }: Scene): Promise<void> {
  const namespace = await cluster.namespace(t, 'spent');
  const agent = await startAgent(t, cluster, [binding(namespace)]);
  const open = (): number => readdirSync(`/proc/${agent.pid}/fd`).length;
  let warm = 0;
  for (const number of [1, 2, 3]) {
    await cluster.runPod(namespace, { command: ['true'], init: [barrier()] });
    const held = agent.log().findLast(({ msg }) => msg === 'pod held');
    await cluster.kubectl(['delete', 'pods', '--all', `--namespace=${namespace}`, '--now']);
    await waitFor(
      'the pod has ended',
      () => agent.log().filter(({ msg }) => msg === 'pod ended').length === number,
    );
    assert.ok(!existsSync(pinsOf(cluster, String(held?.uid))));
    assert.match(agent.get('/metrics') ?? '', /^torwacht_pods_held 0$/m);
    // The first one opens what the agent keeps for good, such as its sockets to servers of names.
    if (number === 1) warm = open();
    // Who has just asked for metrics may still be hung up on; a descriptor that a pod leaves stays.
    else await waitFor(`${warm} descriptors are open`, () => open() <= warm);
  }
}
