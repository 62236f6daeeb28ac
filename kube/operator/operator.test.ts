import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { resource } from '../client/resource.ts';
import type { LeaseSettings } from '../election/types.ts';
import { isKubeError, KubeError, permanent } from '../errors.ts';
import { ownerKeys } from '../objects/owners.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Observation } from '../observe.ts';
import { TestClock } from '../testing/clock.ts';
import { MemoryApi } from '../testing/memory-api.ts';
import { fieldChanged } from './field-changed.ts';
import { Operator } from './operator.ts';
import type { Kind } from './types.ts';

interface Site extends KubeObject {
  readonly spec?: { readonly html?: string; readonly mode?: string };
  readonly status?: { readonly observedGeneration?: number };
}

const described = (kind: string, plural: string) =>
  ({ group: 'example.io', version: 'v1', kind, plural, namespaced: true }) as const;
const sites = resource<Site>(described('Site', 'sites'));
const pages = resource<KubeObject>(described('Page', 'pages'));
const name = 'example.io/operator';
const at = { namespace: 'ci', name: 'a' };

interface Scene {
  readonly api: MemoryApi;
  readonly clock: TestClock;
  readonly operator: Operator;
  readonly kind: Kind<Site>;
  /** What handlers did, in their own words. */
  readonly log: string[];
  readonly observations: Observation[];
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Takes what was done since it was last asked. */
  done(ms?: number): Promise<string>;
}

function scene(
  t: TestContext,
  { api = new MemoryApi(), lease }: { api?: MemoryApi; lease?: LeaseSettings } = {},
): Scene {
  const clock = new TestClock();
  const observations: Observation[] = [];
  const observe = (one: Observation) => observations.push(one);
  const operator = new Operator({
    client: api.client(),
    name,
    clock,
    observe,
    ...(lease ? { lease } : {}),
  });
  const kind = operator.kind(sites);
  const log: string[] = [];
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const start = async () => {
    running = operator.run(stopping.signal);
    await clock.pass(10);
  };
  const stop = async () => {
    stopping.abort();
    await clock.pass(20_000);
    await running;
  };
  t.after(stop);
  const done = async (ms = 10) => {
    await clock.pass(ms);
    return log.splice(0).join(' ');
  };
  return { api, clock, operator, kind, log, observations, start, stop, done };
}

const told = ({ log, kind }: Scene) =>
  kind.on(['create', 'update', 'resume', 'delete'], ({ key, cause, object, old }) => {
    log.push(`${cause}:${key}:${old?.spec?.html ?? ''}>${object.spec?.html ?? ''}`);
  });

test('create, update, resume and delete are told apart, also over a restart', async (t) => {
  const api = new MemoryApi();
  const one = scene(t, { api });
  told(one);
  api.put(sites, {
    metadata: { namespace: 'ci', name: 'seen' },
    spec: { html: 's' },
    status: { observedGeneration: 1 },
  });
  api.put(sites, {
    metadata: { namespace: 'ci', name: 'old' },
    spec: { html: 'o' },
    status: { observedGeneration: 0 },
  });
  api.put(sites, { metadata: at, spec: { html: '1' } });
  await one.start();
  assert.equal(await one.done(), 'resume:ci/seen:>s update:ci/old:>o create:ci/a:>1');
  api.put(sites, { metadata: at, spec: { html: '2' } });
  assert.equal(await one.done(), 'update:ci/a:1>2');
  api.put(sites, { metadata: at, status: { observedGeneration: 2 } });
  api.put(sites, { metadata: { ...at, labels: { a: 'b' } } });
  assert.equal(await one.done(), '');
  await one.stop();

  const two = scene(t, { api });
  told(two);
  await two.start();
  assert.match(await two.done(), /resume:ci\/a:>2/);
  api.remove(sites, at);
  assert.equal(await two.done(), 'delete:ci/a:2>2');
  assert.equal(api.get(sites, at), undefined);
});

test('our finalizer is there before a handler runs, and goes when the last delete handler is done', async (t) => {
  const all = scene(t);
  const { api, kind, log } = all;
  let fails = 1;
  kind
    .on('create', () => {
      log.push(`create with ${api.get(sites, at)?.metadata.finalizers}`);
    })
    .on('delete', () => {
      log.push('first');
    })
    .on('delete', () => {
      log.push('second');
      if (fails-- > 0) throw new Error('not yet');
    });
  await all.start();
  api.put(sites, { metadata: { ...at, finalizers: ['other/one'] }, spec: {} });
  assert.equal(await all.done(), `create with other/one,${name}`);
  api.remove(sites, at);
  assert.equal(await all.done(), 'first second');
  assert.deepEqual(api.get(sites, at)?.metadata.finalizers, ['other/one', name]);
  assert.equal(await all.done(1000), 'second');
  assert.deepEqual(api.get(sites, at)?.metadata.finalizers, ['other/one']);
});

test('an object that is deleted before it was handled is not created first', async (t) => {
  const all = scene(t);
  told(all);
  all.api.put(sites, { metadata: { ...at, finalizers: [name] }, spec: {} });
  all.api.remove(sites, at);
  await all.start();
  assert.equal(await all.done(), 'delete:ci/a:>');
});

test('without a delete handler there is no finalizer, and deletion is only seen', async (t) => {
  const all = scene(t);
  all.kind.on('create', () => {
    all.log.push('create');
  });
  all.kind.reconcile(({ object }) => {
    all.log.push(object === undefined ? 'gone' : 'there');
  });
  await all.start();
  all.api.put(sites, { metadata: at, spec: {} });
  assert.equal(await all.done(), 'create there');
  all.api.remove(sites, at);
  assert.equal(await all.done(), 'gone');
  assert.deepEqual(all.api.writes, []);
});

test('a retry goes on where it failed; what changes meanwhile begins anew, and at once', async (t) => {
  const all = scene(t);
  const { kind, log, api } = all;
  kind
    .on(['create', 'update'], ({ cause }) => {
      log.push(`${cause}:one`);
    })
    .on(['create', 'update'], ({ attempt, object }) => {
      log.push(`two#${attempt}`);
      if (object.spec?.html !== 'good') throw new Error('bad');
    });
  await all.start();
  api.put(sites, { metadata: at, spec: { html: 'bad' } });
  assert.equal(await all.done(), 'create:one two#0');
  assert.equal(await all.done(500), 'two#1');
  api.put(sites, { metadata: at, status: { tries: 2 } });
  assert.equal(await all.done(500), '');
  assert.equal(await all.done(500), 'two#2');
  api.put(sites, { metadata: at, spec: { html: 'good' } });
  assert.equal(await all.done(), 'create:one two#0');
});

test('a handler that gives up is told of as an Event, and the next one runs', async (t) => {
  const all = scene(t);
  const { kind, log, api } = all;
  kind
    .on(
      'create',
      () => {
        log.push('limited');
        throw new Error('never');
      },
      { id: 'limited', retries: 1 },
    )
    .on('create', () => {
      log.push('hopeless');
      throw permanent('no such thing');
    })
    .on('create', () => {
      log.push('last');
    });
  await all.start();
  api.put(sites, { metadata: at, spec: {} });
  assert.equal(await all.done(), 'limited');
  assert.equal(await all.done(500), 'limited hopeless last');
  assert.equal(await all.done(600_000), '');
  const events = api.writes.filter((write) => write.startsWith('create events'));
  assert.equal(events.length, 2);
});

test('fieldChanged: only what somebody changed, and always what nobody has handled', async (t) => {
  const all = scene(t);
  const { kind, log, api } = all;
  kind.on(
    ['create', 'update'],
    ({ object }) => {
      log.push(`mode:${object.spec?.mode}`);
    },
    { when: fieldChanged('spec.mode') },
  );
  await all.start();
  api.put(sites, { metadata: at, spec: { mode: 'Block' } });
  assert.equal(await all.done(), 'mode:Block');
  api.put(sites, { metadata: at, spec: { mode: 'Block', html: 'x' } });
  assert.equal(await all.done(), '');
  api.put(sites, { metadata: at, spec: { mode: 'Observe', html: 'x' } });
  assert.equal(await all.done(), 'mode:Observe');
});

test('a handler that is late is aborted, waited for, and tried again', async (t) => {
  const all = scene(t);
  const { kind, log, api } = all;
  kind.on(
    'create',
    async ({ signal, attempt }) => {
      log.push(`begin#${attempt}`);
      if (attempt > 0) return;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      log.push('end');
      throw signal.reason;
    },
    { timeoutMs: 5000 },
  );
  await all.start();
  api.put(sites, { metadata: at, spec: {} });
  assert.equal(await all.done(4000), 'begin#0');
  assert.equal(await all.done(1000), 'end');
  assert.equal(await all.done(500), 'begin#1');
  const failed = all.observations.find((one) => one.type === 'handled' && one.error !== undefined);
  assert.ok(failed?.type === 'handled' && isKubeError(failed.error, 'KUBE_HANDLER_TIMEOUT'));
});

test('timers come in their time, for each object, while it is there', async (t) => {
  const all = scene(t);
  const { kind, log, api } = all;
  kind.timer({ everyMs: 60_000, when: ({ spec }) => spec?.mode !== 'off' }, ({ key }) => {
    log.push(key);
    throw new Error('a fault is no reason to come sooner');
  });
  await all.start();
  api.put(sites, { metadata: at, spec: {} });
  api.put(sites, { metadata: { namespace: 'ci', name: 'off' }, spec: { mode: 'off' } });
  assert.equal(await all.done(59_000), '');
  assert.equal(await all.done(2000), 'ci/a');
  api.put(sites, { metadata: at, spec: { html: 'x' } });
  assert.equal(await all.done(58_000), '');
  assert.equal(await all.done(122_000), 'ci/a ci/a ci/a');
  api.remove(sites, at);
  assert.equal(await all.done(600_000), '');
});

test('reconcile: woken by what it depends on, by its own wish, and from outside', async (t) => {
  const all = scene(t);
  const { kind, log, api, operator } = all;
  kind
    .reconcile(({ key, object }) => {
      log.push(`${key}${object === undefined ? ' gone' : ''}`);
      return object?.spec?.mode === 'again' ? { requeueAfterMs: 5000 } : undefined;
    })
    .dependsOn(operator.cache(pages), ownerKeys(sites));
  const site = api.put(sites, { metadata: at, spec: {} });
  await all.start();
  assert.equal(await all.done(), 'ci/a');
  const owner = {
    apiVersion: 'example.io/v1',
    kind: 'Site',
    name: 'a',
    uid: site.metadata.uid ?? '',
  };
  const page = { namespace: 'ci', name: 'p', ownerReferences: [owner] };
  api.put(pages, { metadata: page });
  assert.equal(await all.done(), 'ci/a');
  api.remove(pages, page);
  assert.equal(await all.done(), 'ci/a');
  api.put(pages, { metadata: { namespace: 'ci', name: 'foreign' } });
  assert.equal(await all.done(), '');
  kind.wake('ci/elsewhere');
  assert.equal(await all.done(), 'ci/elsewhere gone');
  api.put(sites, { metadata: at, spec: { mode: 'again' } });
  assert.equal(await all.done(), 'ci/a');
  assert.equal(await all.done(10_000), 'ci/a ci/a');
});

test('a kind without generations is updated when it holds something else', async (t) => {
  const all = scene(t);
  const maps = resource<KubeObject>({
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    plural: 'configmaps',
    namespaced: true,
  });
  const put = (data: object, labels = {}) => {
    const object = all.api.put(maps, { metadata: { ...at, labels }, data });
    delete (object.metadata as { generation?: number }).generation;
  };
  all.operator.kind(maps).on(['create', 'update'], ({ cause }) => {
    all.log.push(cause);
  });
  put({ a: '1' });
  await all.start();
  assert.equal(await all.done(), 'create');
  put({ a: '1' }, { x: 'y' });
  assert.equal(await all.done(), '');
  put({ a: '2' });
  assert.equal(await all.done(), 'update');
});

const lease: LeaseSettings = { namespace: 'ci', name: 'lease', identity: 'one' };

test('told to stop, running handlers end with their right to write, and then the Lease is given back', async (t) => {
  const all = scene(t, { lease });
  const { kind, api } = all;
  const leases = { ...sites, plural: 'leases' };
  const going = Promise.withResolvers<void>();
  kind.on('create', async ({ client, object }) => {
    await going.promise;
    await client.apply(pages, {
      metadata: { namespace: 'ci', name: `page-of-${object.metadata.name}` },
    });
  });
  api.put(sites, { metadata: at, spec: {} });
  await all.start();
  await all.clock.pass(100);
  assert.equal(all.operator.leading, true);
  const stopping = all.stop();
  await all.clock.pass(10);
  assert.equal(all.operator.leading, false);
  going.resolve();
  await stopping;
  assert.equal(api.writes.includes('apply pages ci/page-of-a'), true);
  const given = api.get(leases, { namespace: 'ci', name: 'lease' })?.spec as object;
  assert.deepEqual(given, { ...given, holderIdentity: '' });
});

test('when the Lease is lost, handlers are aborted and what they write is refused', async (t) => {
  const all = scene(t, { lease });
  const { kind, api, log } = all;
  kind.on('create', async ({ client, signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await client
      .apply(pages, { metadata: { namespace: 'ci', name: 'p' } })
      .catch((error: KubeError) => {
        log.push(error.code);
        throw error;
      });
  });
  api.put(sites, { metadata: at, spec: {} });
  await all.start();
  await all.clock.pass(3000);
  assert.equal(all.operator.leading, true);
  api.refuse = (write) => {
    if (write.includes('leases')) throw new KubeError('KUBE_UNREACHABLE', 'gone');
  };
  assert.equal(await all.done(11_000), 'KUBE_NOT_LEADER');
  assert.equal(all.operator.leading, false);
  assert.equal(api.get(pages, { namespace: 'ci', name: 'p' }), undefined);
  api.refuse = () => undefined;
  await all.clock.pass(20_000);
  assert.equal(all.operator.leading, true);
});

test('permissions: what the runtime itself does', (t) => {
  const all = scene(t, { lease });
  all.kind.on('delete', () => undefined);
  all.operator.cache(pages);
  const lines = all.operator.permissions().map(({ resources, verbs }) => `${resources} ${verbs}`);
  assert.deepEqual(lines, [
    'sites list,watch',
    'pages list,watch',
    'sites get,patch',
    'events create,patch',
    'leases create,get,update',
  ]);
});

test('the same objects are cached once', (t) => {
  const { operator, kind } = scene(t);
  assert.equal(operator.cache(sites), kind.cache);
  assert.notEqual(operator.cache(sites, { namespace: 'ci' }), kind.cache);
  assert.throws(() => operator.cache(sites, { transform: (object) => object }), {
    code: 'KUBE_CONFIG',
  });
});
