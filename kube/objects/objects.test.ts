import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createClient } from '../client/client.ts';
import { resource } from '../client/resource.ts';
import { type Answer, json, pod, scriptedServer, status } from '../testing/scripted-server.ts';
import { pods } from '../testing/watching.ts';
import { apiMicroTime, apiTime, standing } from './conditions.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizers.ts';
import { ownerKeys, ownerReference } from './owners.ts';
import { applyStatus } from './status.ts';
import { type Condition, keyOf, placeOf } from './types.ts';
import { isOlder } from './versions.ts';

async function clientOf(t: TestContext, ...answers: Answer[]) {
  const server = await scriptedServer();
  server.script(...answers);
  const client = createClient(server.connection, { fieldManager: 'test' });
  t.after(async () => {
    client.close();
    await server.close();
  });
  return { client, server };
}

const wall = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
const [now, later] = [apiTime(wall), apiTime(wall + 60_000)];
const short = (conditions: readonly Condition[]) =>
  conditions.map(
    ({ type, status: is, lastTransitionTime }) =>
      `${type}=${is} ${lastTransitionTime === now ? 'now' : 'later'}`,
  );

test('times are written as the API reads them', () => {
  assert.equal(now, '2030-01-02T03:04:05Z');
  assert.equal(apiMicroTime(wall), '2030-01-02T03:04:05.678000Z');
});

test('standing is kstatus: Ready always, Reconciling and Stalled only while they hold', () => {
  const about = { reason: 'R', message: 'm' };
  const of = (state: 'ready' | 'reconciling' | 'unready' | 'stalled') =>
    short(standing([], 3, { state, ...about }, now));
  assert.deepEqual(of('ready'), ['Ready=True now']);
  assert.deepEqual(of('reconciling'), ['Ready=Unknown now', 'Reconciling=True now']);
  assert.deepEqual(of('unready'), ['Ready=False now', 'Reconciling=True now']);
  assert.deepEqual(of('stalled'), ['Ready=False now', 'Stalled=True now']);
  const [ready] = standing([], 3, { state: 'ready', ...about }, now);
  assert.deepEqual(ready, {
    type: 'Ready',
    status: 'True',
    observedGeneration: 3,
    ...about,
    lastTransitionTime: now,
  });
});

test('the time of a condition moves with its status only', () => {
  const first = standing(undefined, 1, { state: 'unready', reason: 'A', message: 'a' }, now);
  const second = standing(first, 2, { state: 'stalled', reason: 'B', message: 'b' }, later);
  assert.deepEqual(short(second), ['Ready=False now', 'Stalled=True later']);
  const third = standing(second, 2, { state: 'ready', reason: 'C', message: 'c' }, later);
  assert.deepEqual(short(third), ['Ready=True later']);
});

test('a status that says the same costs no request; the order of keys is of no account', async (t) => {
  const { client, server } = await clientOf(t, json(pod('a', 2)));
  const conditions = standing([], 1, { state: 'ready', reason: 'R', message: 'm' }, now);
  const has = {
    observedGeneration: 1,
    nodes: { ready: 1, total: 2 },
    conditions: [...conditions, { ...conditions[0], type: 'Theirs' }],
  };
  const object = { ...pod('a', 1), status: has };
  const same = {
    nodes: { total: 2, ready: 1 },
    conditions,
    observedGeneration: 1,
    none: undefined,
  };
  assert.equal(await applyStatus(client, pods, object, same), false);
  assert.equal(server.asked.length, 0);

  const changes = [
    { ...same, nodes: { ready: 2, total: 2 } },
    {
      ...same,
      conditions: standing(conditions, 1, { state: 'ready', reason: 'R', message: 'other' }, now),
    },
    { ...same, more: 1 },
    { conditions, observedGeneration: 1 },
    { ...same, conditions: [] },
  ];
  for (const change of changes) assert.equal(await applyStatus(client, pods, object, change), true);
  assert.equal(server.asked.length, changes.length);
  const [first] = server.asked;
  assert.equal(first?.path, '/api/v1/namespaces/ci/pods/a/status');
});

test('the status of an object that is gone is not an error', async (t) => {
  const { client } = await clientOf(t, status(404, 'NotFound'));
  assert.equal(await applyStatus(client, pods, pod('a', 1), { x: 1 }), false);
});

const ours = 'example.io/operator';
const finalized = (version: number, finalizers: string[], more: object = {}) => {
  const object = pod('a', version);
  return { ...object, metadata: { ...object.metadata, finalizers, ...more } };
};

test('a finalizer is added to the version that was read, and again where that had changed', async (t) => {
  const { client, server } = await clientOf(
    t,
    status(409, 'Conflict'),
    json(finalized(5, ['other/one'])),
    json(finalized(6, ['other/one', ours])),
  );
  const after = await addFinalizer(client, pods, finalized(3, []), ours);
  assert.equal(after && hasFinalizer(after, ours), true);
  const bodies = server.asked.map(({ method, body }) => [
    method,
    body === '' ? '' : JSON.parse(body).metadata,
  ]);
  assert.deepEqual(bodies, [
    ['PATCH', { uid: 'uid-a', resourceVersion: '3', finalizers: [ours] }],
    ['GET', ''],
    ['PATCH', { uid: 'uid-a', resourceVersion: '5', finalizers: ['other/one', ours] }],
  ]);
});

test('a finalizer is removed alone; what is there or gone already costs nothing', async (t) => {
  const { client, server } = await clientOf(t, json(finalized(4, ['other/one'])));
  await removeFinalizer(client, pods, finalized(3, ['other/one', ours]), ours);
  assert.deepEqual(JSON.parse(server.asked[0]?.body ?? '').metadata.finalizers, ['other/one']);
  await removeFinalizer(client, pods, finalized(3, ['other/one']), ours);
  await addFinalizer(client, pods, finalized(3, [ours]), ours);
  await addFinalizer(client, pods, finalized(3, [], { deletionTimestamp: now }), ours);
  assert.equal(server.asked.length, 1);
});

test('a finalizer of an object that is gone, or was made anew, is nobody’s any more', async (t) => {
  const another = {
    ...finalized(9, [ours]),
    metadata: { ...finalized(9, [ours]).metadata, uid: 'another' },
  };
  const { client, server } = await clientOf(t, status(409, 'Conflict'), json(another));
  assert.equal(await removeFinalizer(client, pods, finalized(3, [ours]), ours), undefined);
  assert.equal(server.asked.length, 2);
  server.script(status(404, 'NotFound'));
  assert.equal(await removeFinalizer(client, pods, finalized(3, [ours]), ours), undefined);
});

test('owners', () => {
  const nodes = resource({
    group: '',
    version: 'v1',
    kind: 'Node',
    plural: 'nodes',
    namespaced: false,
  });
  const reference = ownerReference(pods, pod('a', 1));
  assert.deepEqual(reference, {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'a',
    uid: 'uid-a',
    controller: true,
    blockOwnerDeletion: true,
  });
  const foreign = { ...reference, apiVersion: 'other.io/v1', name: 'x' };
  const child = pod('child', 1);
  const owned = {
    ...child,
    metadata: { ...child.metadata, ownerReferences: [reference, foreign] },
  };
  assert.deepEqual(ownerKeys(pods)(owned), ['ci/a']);
  assert.deepEqual(ownerKeys(nodes)(owned), []);
  assert.throws(() => ownerReference(pods, { metadata: { name: 'x' } }), {
    code: 'KUBE_PERMANENT',
  });
});

test('keys lead back to places', () => {
  for (const at of [{ namespace: 'ci', name: 'a.b' }, { name: 'node-1' }]) {
    assert.deepEqual(placeOf(keyOf({ metadata: at })), at);
  }
});

test('versions are compared as numbers of any length, and not at all where they are none', () => {
  assert.equal(isOlder('9', '10'), true);
  assert.equal(isOlder('10', '9'), false);
  assert.equal(isOlder('10', '10'), false);
  assert.equal(isOlder('90071992547409930', '90071992547409931'), true);
  assert.equal(isOlder('a', '10'), false);
  assert.equal(isOlder(undefined, '10'), false);
});
