import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Client, isKubeError, watchCache } from '#kube/index.ts';
import { type ApiServer, useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { clientOf } from './connect.ts';
import { configMaps } from './website.ts';

const program = join(import.meta.dirname, 'fixtures/leader.ts');
const journal = { namespace: 'default', name: 'journal' };
let api: ApiServer;
let client: Client;

before(async () => {
  api = await useApiServer();
  client = clientOf(api);
});
after(async () => {
  client.close();
  await api.close();
});

interface Leader {
  readonly child: ChildProcess;
  readonly said: string[];
}

function leader(t: TestContext, identity: string, guard: string, stopAt = ''): Leader {
  const child = spawn(process.execPath, [program, api.kubeconfig, identity, guard, stopAt], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.push(...text.split('\n').filter((line) => line !== ''));
  });
  t.after(() => child.kill('SIGKILL'));
  return { child, said };
}

const leads = ({ said }: Leader) => said.at(-1)?.startsWith('leading') === true;
const isStopped = ({ child }: Leader) =>
  readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') T ');

/** Every version of the journal, as etcd has them in order. */
async function follow(t: TestContext): Promise<string[]> {
  const entries: string[] = [];
  const cache = watchCache(client, configMaps, {
    namespace: 'default',
    fieldSelector: 'metadata.name=journal',
  });
  cache.subscribe(({ object }) => {
    if (object?.data?.identity) entries.push(object.data.identity);
  });
  const stopped = new AbortController();
  const running = cache.run(stopped.signal);
  t.after(async () => {
    stopped.abort();
    await running;
  });
  await waitFor('the journal is followed', () => cache.hasSynced);
  return entries;
}

/** One is stopped just before a write, another leads, the first goes on. */
async function story(t: TestContext, guard: string): Promise<{ late: string[]; first: Leader }> {
  await client.delete(configMaps, journal).catch((error: unknown) => {
    if (!isKubeError(error, 'KUBE_NOT_FOUND')) throw error;
  });
  const entries = await follow(t);
  const [one, other] = [`${guard}-1`, `${guard}-2`];
  const first = leader(t, one, guard, '20');
  await waitFor('the first is stopped', () => leads(first) && isStopped(first), { everyMs: 20 });
  const second = leader(t, other, guard);
  await waitFor('the second writes', () => entries.includes(other), { everyMs: 20 });
  const from = entries.indexOf(other);
  first.child.kill('SIGCONT');
  await waitFor('the first knows', () => first.said.includes('over'), { everyMs: 20 });
  const soFar = entries.length;
  await waitFor('the second goes on', () => entries.length > soFar + 20, { everyMs: 20 });
  for (const { child } of [second, first]) {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
  return { late: entries.slice(from).filter((identity) => identity === one), first };
}

test('a leader that was stopped just before a write does not write after another has begun', async (t) => {
  const { late, first } = await story(t, 'guarded');
  assert.deepEqual(late, []);
  assert.ok(first.said.includes('refused KUBE_NOT_LEADER'), first.said.join());
});

test('control: without the guard that write comes through', async (t) => {
  const { late } = await story(t, 'bare');
  assert.ok(late.length > 0);
});

test('told to stop, a leader gives the Lease back: the next one need not wait until it runs out', async (t) => {
  const first = leader(t, 'released-1', 'guarded');
  await waitFor('the first leads', () => leads(first), { everyMs: 20 });
  const gone = once(first.child, 'exit');
  first.child.kill('SIGTERM');
  assert.deepEqual(await gone, [0, null]);
  const { body } = await api.request({
    path: '/apis/coordination.k8s.io/v1/namespaces/default/leases/journal',
  });
  assert.equal(JSON.parse(body).spec.holderIdentity, '');
  const second = leader(t, 'released-2', 'guarded');
  await waitFor('the second leads', () => leads(second), { everyMs: 20 });
});

test('two of them through a restart of the API server: one leads at a time, and one leads after', async (t) => {
  const entries = await follow(t);
  const both = [leader(t, 'restart-1', 'guarded'), leader(t, 'restart-2', 'guarded')];
  const writes = (one: string) => entries.some((identity) => identity === one);
  await waitFor('one writes', () => writes('restart-1') || writes('restart-2'), { everyMs: 20 });
  await api.server.kill();
  await waitFor('its term is over', () => both.some(({ said }) => said.includes('over')));
  await api.server.start();
  const soFar = entries.length;
  await waitFor('one writes again', () => entries.length > soFar + 5, { everyMs: 20 });
  // Each identity's entries are in runs; a run that comes back is a new term of it.
  const terms = both.flatMap(({ said }) => said.filter((line) => line.startsWith('leading')));
  assert.equal(new Set(terms).size, terms.length);
});
