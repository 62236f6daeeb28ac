/** The operator of kube/README.md, and what it is allowed is what it says that it needs. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import {
  apiTime,
  applyStatus,
  type Client,
  createClient,
  isKubeError,
  type Observation,
  Operator,
  ownerKeys,
  ownerReference,
  rule,
  standing,
} from '#kube/index.ts';
import { type ApiServer, useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { clientOf, connectionOf } from './connect.ts';
import { configMaps, definition, websites } from './website.ts';

const namespace = 'default';
const name = 'example.io/website-operator';
let api: ApiServer;
let client: Client;

before(async () => {
  api = await useApiServer();
  client = clientOf(api);
  await api.apply(definition);
  await waitFor('the kind is served', () => client.list(websites).then(() => true));
});
after(async () => {
  client.close();
  await api.close();
});

function websiteOperator(
  theirs: Client,
  identity: string,
  purged: string[],
  observations: Observation[],
) {
  const operator = new Operator({
    client: theirs,
    name,
    lease: {
      namespace,
      name: 'website-operator',
      identity,
      leaseMs: 4000,
      renewMs: 2500,
      retryMs: 500,
    },
    observe: (one) => observations.push(one),
  });
  const pages = operator.cache(configMaps, { labelSelector: 'example.io/website' });
  operator
    .kind(websites)
    .reconcile(async ({ object, client: writer }) => {
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
      const { name: site, generation } = object.metadata;
      const page = {
        metadata: {
          name: site,
          namespace,
          labels: { 'example.io/website': site },
          ownerReferences: [ownerReference(websites, object)],
        },
        data: { 'index.html': object.spec.html },
      };
      await writer.apply(configMaps, page, { force: true });
      const ready = { state: 'ready', reason: 'Published', message: 'The page is there.' } as const;
      const conditions = standing(
        object.status?.conditions,
        generation,
        ready,
        apiTime(Date.now()),
      );
      await applyStatus(writer, websites, object, { observedGeneration: generation, conditions });
    })
    .on('delete', ({ key }) => {
      purged.push(key);
    })
    .dependsOn(pages, ownerKeys(websites));
  return operator;
}

async function allowed(operator: Operator): Promise<Client> {
  const rules = [
    ...operator.permissions(),
    rule(configMaps, ['create', 'patch']),
    rule(websites, ['patch'], 'status'),
    // Blocking the deletion of an owner needs the right to finalize it, where that is checked.
    rule(websites, ['update'], 'finalizers'),
  ];
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
  const metadata = { name: 'website-operator' };
  const { token } = await api.serviceAccount(namespace, 'operator');
  await api.apply({ ...rbac, kind: 'ClusterRole', metadata, rules });
  await api.apply({
    ...rbac,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace }],
  });
  return createClient(connectionOf(api, { token }), { fieldManager: 'website-operator' });
}

function run(t: TestContext, operator: Operator): () => Promise<void> {
  const stopping = new AbortController();
  const running = operator.run(stopping.signal);
  const stop = async () => {
    stopping.abort();
    await running;
  };
  t.after(stop);
  return stop;
}

const page = (site: string) =>
  client
    .get(configMaps, { namespace, name: site })
    .then(({ data }) => data?.['index.html'])
    .catch((error: unknown) => {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
      throw error;
    });

test('an operator with no more rights than it says: publishes, repairs, lets go, and hands over', async (t) => {
  const purged: string[] = [];
  const observations: Observation[] = [];
  const probe = websiteOperator(client, 'probe', [], []);
  const theirs = await allowed(probe);
  t.after(() => theirs.close());
  const first = websiteOperator(theirs, 'first', purged, observations);
  const second = websiteOperator(theirs, 'second', purged, observations);
  const stopFirst = run(t, first);
  await waitFor('the first leads', () => first.leading, { everyMs: 20 });
  run(t, second);

  const at = { namespace, name: 'shop' };
  await client.create(websites, { metadata: at, spec: { html: 'one' } });
  await waitFor('the page is there', async () => (await page('shop')) === 'one', { everyMs: 20 });
  await api.kubectl(['wait', '--for=condition=Ready', 'website/shop', '--timeout=60s']);
  await waitFor(
    'the finalizer is there',
    async () => (await client.get(websites, at)).metadata.finalizers?.includes(name) === true,
    { everyMs: 20 },
  );

  await client.patch(websites, at, { spec: { html: 'two' } });
  await waitFor('the change', async () => (await page('shop')) === 'two', { everyMs: 20 });
  await client.delete(configMaps, at);
  await waitFor('the page is back', async () => (await page('shop')) === 'two', { everyMs: 20 });
  await client.patch(configMaps, at, { data: { 'index.html': 'defaced' } });
  await waitFor('the page is as it was', async () => (await page('shop')) === 'two', {
    everyMs: 20,
  });

  await stopFirst();
  assert.equal(first.leading, false);
  await waitFor('the second leads', () => second.leading, { everyMs: 20 });
  await client.patch(websites, at, { spec: { html: 'three' } });
  await client.delete(websites, at);
  await waitFor(
    'it is gone',
    () =>
      client.get(websites, at).then(
        () => false,
        (error: unknown) => isKubeError(error, 'KUBE_NOT_FOUND'),
      ),
    { everyMs: 20 },
  );
  assert.deepEqual(purged, ['default/shop']);
  const failed = observations.filter((one) => one.type === 'handled' && isKubeError(one.error));
  assert.deepEqual(failed, []);
});

test('when all is as it should be, nothing is written', async (t) => {
  const observations: Observation[] = [];
  const writes: string[] = [];
  const counting = clientOf(api, {
    fieldManager: 'website-operator',
    observe: (one) => {
      const write =
        one.type === 'request' && ['patch', 'create', 'update', 'delete'].includes(one.verb);
      if (write && one.resource !== 'leases') writes.push(`${one.verb} ${one.resource}`);
    },
  });
  t.after(() => counting.close());
  const at = { namespace, name: 'calm' };
  await client.create(websites, { metadata: at, spec: { html: 'x' } });
  const operator = websiteOperator(counting, 'calm', [], observations);
  run(t, operator);
  await api.kubectl(['wait', '--for=condition=Ready', 'website/calm', '--timeout=60s']);
  await waitFor(
    'the finalizer',
    async () => (await client.get(websites, at)).metadata.finalizers?.includes(name) === true,
  );
  const version = async () => (await client.get(websites, at)).metadata.resourceVersion;
  const before = await version();
  // The operator's own writes come back as events; they must not cause others for ever.
  await waitFor('it is calm', async () => {
    const soFar = writes.length;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return writes.length === soFar;
  });
  assert.equal(await version(), before);
  assert.ok(writes.filter((write) => write === 'patch websites').length <= 3, writes.join());
});
