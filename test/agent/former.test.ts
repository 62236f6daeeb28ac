/** Pods that an agent before held, and that today's bundle or the runtime knows in another way. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type NodeAgent, startAgent } from './agent.ts';
import { binding, policy } from './documents.ts';
import { barrier } from './job.ts';
import { live } from './live.ts';
import { bad, good, type Scene, setScene, skip } from './scene.ts';

/** Looks a name up again and again, deaf to SIGTERM, and says what came of it. */
const lookUp = [
  'sh',
  '-c',
  `trap '' TERM; while :; do nslookup ${good.name}. | grep -q ${good.address} && echo found || echo lost; sleep 0.2; done`,
];
const ports = [{ port: good.port, protocol: 'TCP' as const }];

const heldTimes = (agent: NodeAgent, uid: string): number =>
  agent.log().filter((line) => line.msg === 'pod held' && line.uid === uid).length;

test('pods of an agent before', { skip, concurrency: 3 }, async (t) => {
  const scene = await setScene(t);
  const { cluster } = scene;
  /** An agent of its own for a namespace of its own: it is killed and started again. */
  const setUp = async (word: string) => {
    const namespace = await cluster.namespace(t, word);
    const documents = [binding(namespace), policy(namespace, { fqdn: [good.name], ports })];
    return { namespace, agent: await startAgent(t, cluster, documents) };
  };
  await Promise.all([
    t.test('one that no binding governs any more keeps its policy', async () =>
      ungoverned(scene, await setUp('former')),
    ),
    t.test('one whose pause process is dead keeps its look-ups', async () =>
      unpaused(scene, await setUp('unpaused')),
    ),
    t.test('one that gets another sandbox is held in that', async () =>
      anew(scene, await setUp('anew')),
    ),
  ]);
});

interface Own {
  readonly namespace: string;
  readonly agent: NodeAgent;
}

async function ungoverned({ cluster, asked }: Scene, { namespace, agent }: Own): Promise<void> {
  const seen = asked();
  const plan = { command: ['sleep', '600'], init: [barrier()] };
  const pod = await live(cluster, namespace, 'former', plan);
  const finds = async () => {
    assert.match(await pod.exec('nslookup', `${good.name}.`), new RegExp(good.address));
    await pod.exec('wget', '-qO-', `http://${good.name}:${good.port}/former`);
  };
  const refuses = () =>
    assert.rejects(pod.exec('wget', '-qO-', `http://${bad.address}:${bad.port}/former-bad`));
  await finds();
  await agent.kill();
  agent.write([binding('nobody-else')]);
  await agent.start();
  await waitFor('it is held again', () => heldTimes(agent, pod.uid) === 2);
  await finds();
  await refuses();
  // Where nobody knows what it was held by, it is told, and the kernel goes on with what it has.
  await agent.kill();
  rmSync(agent.state, { recursive: true });
  await agent.start();
  const lost = await agent.untilLogged('its policy is lost', ({ uid, msg }) => {
    return uid === pod.uid && msg === 'pod not held';
  });
  assert.equal(lost.code, 'TW_AGENT_POLICY_LOST');
  await refuses();
  await assert.rejects(pod.exec('nslookup', `${good.name}.`));
  assert.ok(!seen().includes('/former-bad'));
  assert.equal(seen().filter((path) => path === '/former').length, 2);
  await pod.delete();
}

async function unpaused({ cluster }: Scene, { namespace, agent }: Own): Promise<void> {
  const spec = { terminationGracePeriodSeconds: 60 };
  const pod = await live(cluster, namespace, 'unpaused', {
    ...{ command: lookUp, spec, init: [barrier()] },
  });
  const finds = (what: string) =>
    waitFor(what, async () => /^(found\n){3}$/.test(await pod.log(3)));
  await finds('names are found');
  await agent.kill();
  await waitFor('look-ups fail without an agent', async () => /lost\n$/.test(await pod.log(1)), {
    seconds: 60,
  });
  const [pause = 0] = pod.pids('pause');
  process.kill(pause, 'SIGKILL');
  await waitFor('the pause process is gone', () => pod.pids('pause').length === 0);
  await agent.start();
  await waitFor('it is held again', () => heldTimes(agent, pod.uid) === 2);
  await finds('names are found again');
  for (const pid of pod.pids('sh')) process.kill(pid, 'SIGKILL');
}

async function anew({ cluster }: Scene, { namespace, agent }: Own): Promise<void> {
  const pod = await live(cluster, namespace, 'anew', {
    command: ['sleep', '600'],
    spec: { restartPolicy: 'Always' },
    init: [barrier()],
  });
  const [pause = 0] = pod.pids('pause');
  process.kill(pause, 'SIGKILL');
  await waitFor('it is held in another sandbox', () => heldTimes(agent, pod.uid) === 2, {
    seconds: 60,
  });
  const at = [`--namespace=${namespace}`];
  const restarts = '-o=jsonpath={.status.containerStatuses[0].restartCount}';
  await waitFor(
    'its container runs again, behind its barrier',
    async () => (await cluster.kubectl(['get', 'pod', 'anew', ...at, restarts])) === '1',
    { seconds: 60 },
  );
  await cluster.kubectl(['wait', 'pod/anew', ...at, '--for=condition=Ready', '--timeout=60s']);
  assert.match(await pod.exec('nslookup', `${good.name}.`), new RegExp(good.address));
  await assert.rejects(pod.exec('wget', '-qO-', `http://${bad.address}:${bad.port}/anew`));
  await pod.delete();
}
