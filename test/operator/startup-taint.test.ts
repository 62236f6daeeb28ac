/** Nodes that have just come: their startup taint goes when their agent is ready, and nothing else does. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Client, type Fence, isKubeError } from '#kube/index.ts';
import { STARTUP_TAINT } from '#operator/nodes/startup-taint.ts';
import { nodeAgents, nodes, type Taint } from '#operator/resources.ts';
import { ROOT } from '../cluster/names.ts';
import { clientOf, lastFirst, type RunningOperator, startOperator, useCluster } from './cluster.ts';
import { installRights } from './replicas.ts';
import { eventually } from './wait.ts';
import { events } from './writing.ts';

const ending = lastFirst({ after });
const { api, client } = await useCluster(ending);
await installRights(api);
const account = api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-operator'));
const asOperator = clientOf(account, 'torwacht-operator');
ending.after(async () => asOperator.close());

const OURS: Taint = { key: STARTUP_TAINT, value: 'true', effect: 'NoSchedule' };
const FOREIGN: Taint = { key: 'example.test/gpu', value: 'a', effect: 'NoExecute' };
const LATER: Taint = { key: 'example.test/drain', effect: 'NoSchedule' };

/** As a kubelet registers one. The API server adds `node.kubernetes.io/not-ready`. */
const joins = (name: string, taints: readonly Taint[] = [OURS, FOREIGN]) =>
  client.create(nodes, {
    metadata: { name, labels: { 'kubernetes.io/os': 'linux' } },
    spec: { taints },
  });
const taintsOf = async (name: string): Promise<readonly Taint[]> =>
  (await client.get(nodes, { name })).spec?.taints ?? [];
const has = async (name: string, { key }: Taint): Promise<boolean> =>
  (await taintsOf(name)).some((taint) => taint.key === key);
const agentOf = (name: string) =>
  eventually(`${name} has a NodeAgent`, () =>
    client.get(nodeAgents, { name }).catch(() => undefined),
  );

/** As the agent of a node says it. */
async function says(name: string, status: 'True' | 'False'): Promise<void> {
  const { metadata } = await agentOf(name);
  const condition = {
    ...{ type: 'Ready', status, reason: status === 'True' ? 'InForce' : 'RuntimeLost' },
    ...{ message: '', lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 },
  };
  const said = { observedGeneration: metadata.generation, conditions: [condition] };
  await client.patch(nodeAgents, { name }, { status: said }, { subresource: 'status' });
}

/** A node whose agent is ready comes and is freed: by then what came before it has been looked at. */
let sentinels = 0;
async function sentinel(): Promise<void> {
  sentinels += 1;
  const name = `sentinel-${sentinels}`;
  await joins(name, [OURS]);
  await says(name, 'True');
  await eventually(`${name} is free`, async () => !(await has(name, OURS)));
}

const start = (settings: Parameters<typeof startOperator>[2] = {}): RunningOperator =>
  startOperator(ending, account, { startupTaint: STARTUP_TAINT, ...settings });

test('without the value no node is touched', async () => {
  const operator = start({ startupTaint: undefined });
  await joins('n1');
  await says('n1', 'True');
  // The next one is looked at after it.
  await joins('n2');
  await agentOf('n2');
  await operator.stop();
  assert.deepEqual(await has('n1', OURS), true);
  assert.equal(operator.requests.takeWrites()['patch nodes'], undefined);
});

test('the right to patch nodes comes with the value alone', async () => {
  const patch = { metadata: { labels: { pool: 'stolen' } } };
  await assert.rejects(asOperator.patch(nodes, { name: 'n1' }, patch, { dryRun: true }), {
    code: 'KUBE_FORBIDDEN',
  });
});

const folder = join(ROOT, 'config/operator/startup-taint');

test('that right is for this taint: everything else of a node is refused', async () => {
  await api.kubectl(['apply', '-f', join(folder, 'role.yaml')]);
  const label = { metadata: { labels: { pool: 'stolen' } } };
  const dryRun = { dryRun: true };
  await eventually('RBAC alone would let it change a label', () =>
    asOperator.patch(nodes, { name: 'n1' }, label, dryRun).catch((error: unknown) => {
      if (isKubeError(error, 'KUBE_FORBIDDEN')) return undefined;
      throw error;
    }),
  );
  await api.kubectl(['apply', '-f', join(folder, 'policy.yaml')]);
  const refused = (error: unknown): boolean =>
    isKubeError(error, 'KUBE_FORBIDDEN') && error.message.includes('torwacht-startup-taint');
  await eventually('the policy is in force', () =>
    asOperator.patch(nodes, { name: 'n1' }, label, dryRun).then(
      () => false,
      (error: unknown) => refused(error) || Promise.reject(error),
    ),
  );
  const taints = await taintsOf('n1');
  const without = (key: string) => taints.filter((taint) => taint.key !== key);
  for (const [what, body] of Object.entries({
    'another taint goes': { spec: { taints: without(FOREIGN.key) } },
    'both go': { spec: { taints: without(FOREIGN.key).filter(({ key }) => key !== OURS.key) } },
    'one more comes': { spec: { taints: [...without(OURS.key), LATER] } },
    'it is cordoned': { spec: { unschedulable: true } },
    'it is annotated': { metadata: { annotations: { a: 'b' } } },
    'it gets a finalizer': { metadata: { finalizers: ['example.test/stays'] } },
  })) {
    const sent = asOperator.patch(nodes, { name: 'n1' }, body, dryRun);
    await assert.rejects(sent, refused, what);
  }
  const mayGo = { spec: { taints: without(OURS.key) } };
  await asOperator.patch(nodes, { name: 'n1' }, mayGo, dryRun);
  await client.patch(nodes, { name: 'n1' }, label, dryRun);
});

test('it goes when the agent is ready, not before; other taints stay; an Event says it', async () => {
  const freed: string[] = [];
  const operator = start({ untainted: (node) => freed.push(node) });
  await sentinel();
  // Its agent was ready when the operator came.
  await eventually('n1 is free', async () => !(await has('n1', OURS)));
  await says('n2', 'False');
  await sentinel();
  const before = await taintsOf('n2');
  assert.ok(before.some(({ key }) => key === OURS.key));
  assert.ok(!freed.includes('n2'));
  await says('n2', 'True');
  await eventually('n2 is free', () => freed.includes('n2'));
  assert.deepEqual(
    await taintsOf('n2'),
    before.filter(({ key }) => key !== OURS.key),
  );
  assert.ok(before.some(({ key }) => key === FOREIGN.key));
  await eventually('an Event tells it', async () => {
    const { items } = await client.list(events);
    return items.some(
      ({ reason, regarding, note }) =>
        reason === 'StartupTaintRemoved' &&
        regarding.name === 'n2' &&
        note === `The agent of this node is ready: the taint ${STARTUP_TAINT} is taken off.`,
    );
  });
  assert.deepEqual(operator.requests.failures, []);
  await operator.stop();
});

test('an agent that starts again, or fails, brings no taint back', async () => {
  const freed: string[] = [];
  const operator = start({ untainted: (node) => freed.push(node) });
  await sentinel();
  const before = await taintsOf('n2');
  await says('n2', 'False');
  await says('n2', 'True');
  await sentinel();
  assert.deepEqual(await taintsOf('n2'), before);
  await operator.stop();
  assert.ok(freed.every((node) => node.startsWith('sentinel-')));
});

/** Before the first patch of a node, somebody else writes there. */
function meddled(inner: Client, meddle: () => Promise<unknown>): Client {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'guarded') {
        return (fence: Fence) => meddled(target.guarded(fence), meddle);
      }
      if (name === 'patch') {
        return async (...args: Parameters<Client['patch']>) => {
          if (args[0].plural === nodes.plural) await meddle();
          return target.patch(...args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('a taint that somebody adds at the same moment is not lost', async () => {
  await joins('n3');
  let meddlings = 0;
  const meddle = async (): Promise<void> => {
    meddlings += 1;
    if (meddlings > 1) return;
    const patch = [{ op: 'add', path: '/spec/taints/-', value: LATER }];
    await client.patch(nodes, { name: 'n3' }, patch, { type: 'json' });
  };
  const failures: unknown[] = [];
  const operator = start({
    client: meddled(asOperator, meddle),
    observe: (told) => {
      if (told.type === 'handled' && told.error !== undefined) failures.push(told.error);
    },
  });
  await says('n3', 'True');
  await eventually('n3 is free', async () => !(await has('n3', OURS)));
  assert.ok(await has('n3', LATER));
  assert.ok(await has('n3', FOREIGN));
  assert.equal(meddlings, 2);
  assert.deepEqual(
    failures.map((error) => isKubeError(error) && error.code),
    ['KUBE_INVALID'],
  );
  await operator.stop();
});

test('what the machine before said, that had the same name, frees nobody', async () => {
  const { metadata: old } = await agentOf('n2');
  await client.delete(nodes, { name: 'n2' });
  // Nobody was there to see that it went.
  await joins('n2');
  const operator = start();
  const agent = await eventually('n2 has a NodeAgent of its own', async () => {
    const found = await agentOf('n2');
    return found.metadata.uid !== old.uid && found;
  });
  assert.equal(agent.status, undefined);
  await sentinel();
  assert.ok(await has('n2', OURS));
  await says('n2', 'True');
  await eventually('n2 is free', async () => !(await has('n2', OURS)));
  assert.deepEqual(operator.requests.failures, []);
  await operator.stop();
});

test('a NodeAgent that an older operator made becomes its node’s', async () => {
  await joins('n4', [FOREIGN]);
  const metadata = { name: 'n4' } as never;
  await client.create(nodeAgents, {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'NodeAgent',
    metadata,
    spec: {},
  });
  const operator = start();
  const { uid } = (await client.get(nodes, { name: 'n4' })).metadata;
  await eventually('it is', async () => {
    const { ownerReferences = [] } = (await agentOf('n4')).metadata;
    return ownerReferences.some((one) => one.uid === uid);
  });
  await operator.stop();
});
