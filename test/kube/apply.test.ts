import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import {
  addFinalizer,
  apiTime,
  applyStatus,
  type Client,
  createClient,
  createRecorder,
  isKubeError,
  KubeError,
  removeFinalizer,
  standing,
} from '#kube/index.ts';
import { type ApiServer, useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { clientOf, connectionOf } from './connect.ts';
import { configMaps, definition, websites } from './website.ts';

const namespace = 'default';
let api: ApiServer;
let client: Client;

before(async () => {
  api = await useApiServer();
  client = clientOf(api);
  await api.apply(definition);
  await waitFor('the kind is served', async () => {
    await client.list(websites);
    return true;
  });
});
after(async () => {
  client.close();
  await api.close();
});

async function thrown(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => assert.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KubeError, String(error));
  return error;
}

test('a field that another manager owns is refused by name, taken with force, and left when no more applied', async () => {
  const at = { namespace, name: 'owned' };
  const mine = (data: Record<string, string>, force = false) =>
    client.apply(configMaps, { metadata: at, data }, { force });
  const theirs = { fieldManager: 'other' };
  await client.apply(configMaps, { metadata: at, data: { a: 'theirs', b: 'theirs' } }, theirs);
  const error = await thrown(mine({ a: 'mine', c: 'mine' }));
  assert.equal(error.code, 'KUBE_APPLY_CONFLICT');
  assert.deepEqual(error.fields, ['.data.a']);
  assert.match(error.message, /patch configmaps "owned" in namespace "default".*other/);
  const forced = await mine({ a: 'mine', c: 'mine' }, true);
  assert.deepEqual(forced.data, { a: 'mine', b: 'theirs', c: 'mine' });
  const fewer = await mine({ a: 'mine' });
  assert.deepEqual(fewer.data, { a: 'mine', b: 'theirs' });
});

test('the same apply again changes nothing, not even the version', async () => {
  const object = { metadata: { namespace, name: 'same' }, data: { a: '1' } };
  const first = await client.apply(configMaps, object);
  const second = await client.apply(configMaps, object);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
});

test('errors of the real one: conflict, not found, invalid, forbidden, exists, unauthorized', async () => {
  const at = { namespace, name: 'errors' };
  const object = await client.create(configMaps, { metadata: at, data: {} });
  await client.apply(configMaps, { metadata: at, data: { a: '1' } });
  const codes = [
    client.update(configMaps, { ...object, data: { b: '1' } }),
    client.get(configMaps, { ...at, name: 'nothing' }),
    client.create(configMaps, { metadata: at }),
    client.create(configMaps, { metadata: { namespace, name: 'Not A Name' } }),
    client.delete(configMaps, at, { uid: 'another' }),
    clientOf(api).list(configMaps, { namespace, continue: 'made-up' }),
  ].map(async (promise) => (await thrown(promise)).code);
  assert.deepEqual(await Promise.all(codes), [
    'KUBE_CONFLICT',
    'KUBE_NOT_FOUND',
    'KUBE_ALREADY_EXISTS',
    'KUBE_INVALID',
    'KUBE_CONFLICT',
    'KUBE_BAD_REQUEST',
  ]);
});

test('a status is ours alone, keeps the times of what did not change, and costs nothing when it says the same', async () => {
  const at = { namespace, name: 'status' };
  const object = await client.create(websites, { metadata: at, spec: { html: 'x' } });
  const { generation } = object.metadata;
  const say = (state: 'reconciling' | 'ready', from: typeof object, now: string) => ({
    observedGeneration: generation,
    conditions: standing(
      from.status?.conditions,
      generation,
      { state, reason: 'R', message: state },
      now,
    ),
  });
  const early = apiTime(Date.UTC(2030, 0, 1));
  assert.equal(
    await applyStatus(client, websites, object, say('reconciling', object, early)),
    true,
  );
  const second = await client.get(websites, at);
  assert.deepEqual(
    second.status?.conditions?.map(({ type }) => type),
    ['Ready', 'Reconciling'],
  );
  assert.equal(
    await applyStatus(client, websites, second, say('reconciling', second, apiTime(Date.now()))),
    false,
  );
  assert.equal(await applyStatus(client, websites, second, say('ready', second, early)), true);
  const third = await client.get(websites, at);
  assert.deepEqual(
    third.status?.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['Ready=True'],
  );
  assert.equal(third.metadata.generation, generation);
  assert.equal(third.spec.html, 'x');
});

test('the status of what is gone is not written, and does not bring it back', async () => {
  const at = { namespace, name: 'gone' };
  const first = await client.create(websites, { metadata: at, spec: { html: 'x' } });
  await client.delete(websites, at);
  assert.equal(await applyStatus(client, websites, first, { observedGeneration: 1 }), false);
  assert.equal((await thrown(client.get(websites, at))).code, 'KUBE_NOT_FOUND');
});

test('finalizers of several at the same time: none is lost, and each takes only its own away', async () => {
  const at = { namespace, name: 'finalized' };
  const object = await client.create(websites, { metadata: at, spec: { html: 'x' } });
  const names = ['example.io/a', 'example.io/b', 'example.io/c', 'example.io/d'];
  await Promise.all(names.map((name) => addFinalizer(client, websites, object, name)));
  const held = await client.get(websites, at);
  assert.deepEqual([...(held.metadata.finalizers ?? [])].sort(), names);
  await client.delete(websites, at);
  const marked = await client.get(websites, at);
  assert.notEqual(marked.metadata.deletionTimestamp, undefined);
  for (const name of names) await removeFinalizer(client, websites, held, name);
  assert.equal((await thrown(client.get(websites, at))).code, 'KUBE_NOT_FOUND');
});

test('Events: the API takes them, and kubectl counts the series', async () => {
  const object = await client.create(websites, {
    metadata: { namespace, name: 'told' },
    spec: { html: 'x' },
  });
  const failed: unknown[] = [];
  const events = createRecorder(client, {
    controller: 'example.io/operator',
    instance: 'pod-1',
    observe: (one) => failed.push(one),
  });
  const event = {
    type: 'Warning',
    reason: 'TooLarge',
    action: 'Publish',
    note: 'the page is too large',
  } as const;
  for (let i = 0; i < 5; i += 1) events.record(websites, object, event);
  await events.flush();
  for (let i = 0; i < 5; i += 1) events.record(websites, object, event);
  await events.flush();
  assert.deepEqual(failed, []);
  const shown = await api.kubectl(['events', '--for=website/told', '--namespace=default']);
  assert.match(String(shown), /x10.*Warning\s+TooLarge\s+Website\/told\s+the page is too large/);
});

test('service accounts are refused with what they tried', async () => {
  const { token } = await api.serviceAccount(namespace, 'nobody');
  const theirs = createClient(connectionOf(api, { token }), { fieldManager: 'nobody' });
  const error = await thrown(
    theirs.patch(websites, { namespace, name: 'x' }, {}, { subresource: 'status' }),
  );
  theirs.close();
  assert.equal(isKubeError(error, 'KUBE_FORBIDDEN'), true);
  assert.match(
    error.message,
    /^patch websites\/status "x" in namespace "default" \(example\.io\/v1\): 403/,
  );
});

test('through a proxy, with the fence in its place', async (t) => {
  const asked: string[] = [];
  const proxy = createServer().on('connect', (request, near: Socket) => {
    asked.push(request.url ?? '');
    const far = connect(api.port, '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'));
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far).pipe(near);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as AddressInfo;
  const connection = { ...connectionOf(api), proxy: `http://127.0.0.1:${port}` };
  const theirs = createClient(connection, { fieldManager: 'proxied' });
  t.after(() => {
    theirs.close();
    proxy.closeAllConnections();
    proxy.close();
  });
  const object = { metadata: { namespace, name: 'proxied' }, data: { a: '1' } };
  await theirs.apply(configMaps, object);
  await theirs.apply(configMaps, object);
  assert.deepEqual(asked, [`127.0.0.1:${api.port}`]);
  const closed = {
    signal: new AbortController().signal,
    check() {
      throw new KubeError('KUBE_NOT_LEADER', 'not now');
    },
  };
  const error = await thrown(theirs.guarded(closed).apply(configMaps, object));
  assert.equal(error.code, 'KUBE_NOT_LEADER');
});
