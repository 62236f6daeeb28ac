import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  type Client,
  createClient,
  isKubeError,
  type Observation,
  type WatchedCache,
  watchCache,
} from '#kube/index.ts';
import { type ApiServer, useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { clientOf, connectionOf } from './connect.ts';
import { lineTo } from './line.ts';
import { type ConfigMap, configMaps } from './website.ts';

const namespace = 'default';
const labelSelector = 'app=watched';
const metadata = (name: string) => ({ name, namespace, labels: { app: 'watched' } });

function put(client: Client, name: string, value: string): Promise<ConfigMap> {
  return client.apply(configMaps, { metadata: metadata(name), data: { value } });
}

interface Watched {
  readonly cache: WatchedCache<ConfigMap>;
  readonly observations: Observation[];
  lists(): Extract<Observation, { type: 'listed' }>[];
  failures(): Extract<Observation, { type: 'watch-failed' }>[];
  /** Resolves when the cache holds exactly these values. */
  holds(values: Readonly<Record<string, string>>): Promise<void>;
}

async function watched(t: TestContext, client: Client, watchSeconds = 290): Promise<Watched> {
  const observations: Observation[] = [];
  const observe = (one: Observation) => observations.push(one);
  const cache = watchCache(client, configMaps, { namespace, labelSelector, watchSeconds, observe });
  const stopped = new AbortController();
  const running = cache.run(stopped.signal);
  t.after(async () => {
    stopped.abort();
    await running;
  });
  await waitFor('the first list', () => cache.hasSynced, { everyMs: 20 });
  const values = () =>
    Object.fromEntries([...cache.list()].map((one) => [one.metadata.name, one.data?.value]));
  return {
    cache,
    observations,
    lists: () => observations.filter((one) => one.type === 'listed'),
    failures: () => observations.filter((one) => one.type === 'watch-failed'),
    holds: (wanted) =>
      waitFor(
        `the cache holds ${JSON.stringify(wanted)}`,
        () => {
          assert.deepEqual(values(), wanted);
          return true;
        },
        { everyMs: 20, seconds: 60 },
      ).then(() => undefined),
  };
}

async function fill(client: Client, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `object-${at}`);
  const worker = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      await put(client, name, name);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** An etcd before 3.4.25 cannot tell the API server how far it is. */
async function streamsNot(client: Client): Promise<string | undefined> {
  const signal = new AbortController().signal;
  const options = { namespace, sendInitialEvents: true, timeoutSeconds: 1, signal };
  for await (const { type, object } of client.watch(configMaps, options)) {
    if (type === 'ERROR') return (object as { message?: string }).message ?? 'no list by a watch';
  }
  return undefined;
}

for (const by of ['watch', 'pages'] as const) {
  test(`2,000 objects are listed by ${by}, and followed from there`, async (t) => {
    const gates = { 'feature-gates': `WatchList=${by === 'watch'}` };
    const api = await useApiServer(t, { server: gates });
    const client = clientOf(api);
    t.after(() => client.close());
    const why = by === 'watch' ? await streamsNot(client) : undefined;
    if (why !== undefined) return t.skip(why);
    await fill(client, 2000);
    const { cache, lists, observations } = await watched(t, client);
    assert.equal(cache.size, 2000);
    assert.deepEqual(
      lists().map(({ by: how, objects }) => [how, objects]),
      [[by, 2000]],
    );
    await put(client, 'object-7', 'changed');
    await client.delete(configMaps, { namespace, name: 'object-8' });
    await waitFor(
      'both changes',
      () => cache.get('default/object-7')?.data?.value === 'changed' && cache.size === 1999,
      { everyMs: 20 },
    );
    assert.equal(observations.filter(({ type }) => type === 'watch-failed').length, 0);
    assert.equal(cache.get('default/object-7')?.metadata.managedFields, undefined);
  });
}

test('restarts of the API server and of etcd lose nothing, and cost a list each at most', async (t) => {
  const api = await useApiServer(t);
  const client = clientOf(api);
  t.after(() => client.close());
  await put(client, 'a', '1');
  await put(client, 'b', '1');
  const { holds, lists, failures } = await watched(t, client);
  await holds({ a: '1', b: '1' });

  await api.server.kill();
  await api.server.start();
  await put(client, 'a', '2');
  await client.delete(configMaps, { namespace, name: 'b' });
  await put(client, 'c', '2');
  await holds({ a: '2', c: '2' });
  assert.ok(failures().length > 0);

  await api.server.stop();
  await api.server.start();
  await put(client, 'a', '3');
  await holds({ a: '3', c: '2' });

  await api.etcd.kill();
  await api.etcd.start();
  await waitFor('writes go through', () => put(client, 'a', '4').then(() => true));
  await holds({ a: '4', c: '2' });
  assert.ok(lists().length <= 1 + 3, `${lists().length} lists`);
});

test('a real 410: what happened behind our back is found by a list, deletions too', async (t) => {
  const api = await useApiServer(t);
  const line = await lineTo(api.port);
  const client = clientOf(api);
  const connection = connectionOf(api, api.admin, `https://127.0.0.1:${line.port}`);
  const far = createClient(connection, { fieldManager: 'kube-test' });
  t.after(async () => {
    far.close();
    client.close();
    await line.close();
  });
  await put(client, 'a', '1');
  await put(client, 'b', '1');
  const { holds, lists, failures } = await watched(t, far);
  line.cut();
  await put(client, 'a', '2');
  await client.delete(configMaps, { namespace, name: 'b' });
  // A server that has started anew remembers nothing from before.
  await api.server.stop();
  await compact(api);
  await api.server.start();
  await put(client, 'c', '3');
  line.mend();
  await holds({ a: '2', c: '3' });
  const gone = failures().filter(({ error }) => isKubeError(error, 'KUBE_GONE'));
  assert.equal(gone.length, 1);
  assert.equal(lists().length, 2);
});

/** All that etcd remembers but the present. */
async function compact(api: ApiServer): Promise<void> {
  const line = readFileSync(`/proc/${api.etcd.pid}/cmdline`, 'utf8');
  const url = /--listen-client-urls[=\0](http:[^\0]+)/.exec(line)?.[1];
  assert.ok(url, line);
  const post = async (path: string, body: object) => {
    const reply = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(reply.status, 200, await reply.clone().text());
    return (await reply.json()) as { header: { revision: string } };
  };
  const { header } = await post('/v3/kv/range', { key: Buffer.from('/').toString('base64') });
  await post('/v3/kv/compaction', { revision: header.revision, physical: true });
}

test('a server that is stopped in the middle of a watch is given up, and found again when it goes on', async (t) => {
  const api = await useApiServer(t);
  const client = clientOf(api, { timeoutMs: 3000 });
  t.after(() => client.close());
  await put(client, 'a', '1');
  const { holds, failures, lists } = await watched(t, client, 3);
  api.server.pause();
  // The kernel still answers for it; only the watch's own deadline knows.
  await waitFor('the watch is given up', () =>
    failures().some(({ error }) => isKubeError(error, 'KUBE_TIMEOUT')),
  );
  api.server.resume();
  await waitFor('writes go through', () => put(client, 'a', '2').then(() => true));
  await holds({ a: '2' });
  assert.equal(lists().length, 1);
});

test('one object by its name, and nothing else', async (t) => {
  const api = await useApiServer(t);
  const client = clientOf(api);
  t.after(() => client.close());
  await put(client, 'mine', '1');
  await put(client, 'other', '1');
  const observations: Observation[] = [];
  const cache = watchCache(client, configMaps, {
    namespace,
    fieldSelector: 'metadata.name=mine',
    observe: (one) => observations.push(one),
  });
  const stopped = new AbortController();
  const running = cache.run(stopped.signal);
  await cache.synced;
  await put(client, 'other', '2');
  await put(client, 'mine', '2');
  await waitFor('the change', () => cache.get('default/mine')?.data?.value === '2', {
    everyMs: 20,
  });
  assert.equal(cache.size, 1);
  const events = observations.filter((one) => one.type === 'event' && one.change !== 'BOOKMARK');
  assert.equal(events.length, 1);
  stopped.abort();
  await running;
});
