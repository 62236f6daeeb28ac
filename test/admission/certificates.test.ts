/** Certificates on a real API server: two replicas, authorities that change under load, a Secret that is lost. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { podWebhooks } from '#webhook/manifests/webhooks.ts';
import { type Asking, asking } from '#webhook/testing/client.ts';
import { reviewOf } from '#webhook/testing/reviews.ts';
import { established } from '../apiserver/crds.ts';
import { useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { calledAt, startReplica } from './replica.ts';
import { written } from './table/bindings.ts';
import { job, unpatchedJob } from './table/pods.ts';
import { requestOf } from './table/row.ts';

const root = join(import.meta.dirname, '../..');
const api = await useApiServer({ after });
await api.kubectl(['apply', '-f', join(root, 'config/crd/torwacht.io_runnerbindings.yaml')]);
await established(api, 'crd/runnerbindings.torwacht.io');
for (const name of ['torwacht', 'plain']) {
  const labels = name === 'plain' ? { 'torwacht.io/enforce': 'true' } : {};
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  await api.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: name },
  });
}
await api.apply(written('plain') as object);

/** As short as a test can wait for: an authority every few seconds, a certificate more often. */
const lifetimes = {
  authority: 40_000,
  renewAuthority: 28_000,
  leaf: 30_000,
  renewLeaf: 25_000,
  announced: 6000,
};
const one = await startReplica(api, { after }, { lifetimes });
const two = await startReplica(api, { after }, { lifetimes });
const configuration = 'torwacht-pods';
/** At least so many reviews, and so many different bundles of authorities. */
const REVIEWS = 4000;
const BUNDLES = 3;
const AT_ONCE = 24;
await api.apply(calledAt(one.port, podWebhooks));

const read = async (kind: string, name: string) =>
  JSON.parse(await api.kubectl(['get', kind, name, '-n', 'torwacht', '-o', 'json']));

async function bundle(): Promise<string> {
  const path = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${configuration}`;
  const { webhooks } = JSON.parse((await api.request({ path })).body);
  return Buffer.from(webhooks[0].clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

const body = JSON.stringify(reviewOf(requestOf({ what: 'a job', code: null, pod: job })));

/**
 * As many as are due, and no more at once than a machine that is busy with others can answer, until there were
 * enough of them and enough has changed. Each tenth by a new connection; all by whom the API server trusts at
 * that time.
 */
async function hammer(perSecond: number, ports: readonly number[]) {
  const failures: string[] = [];
  const bundles = new Set<string>();
  const clients: Asking[] = [];
  let asked = 0;
  let trusted = await bundle();
  let kept: readonly Asking[] = [];
  const clientOf = (port: number, sockets: number): Asking => {
    const client = asking(port, trusted, sockets);
    clients.push(client);
    return client;
  };
  const trust = (authorities: string): void => {
    trusted = authorities;
    bundles.add(authorities);
    kept = ports.map((port) => clientOf(port, 4));
  };
  trust(trusted);
  const isEnough = () => asked >= REVIEWS && bundles.size >= BUNDLES;
  const following = (async () => {
    while (!isEnough()) {
      await sleep(250);
      const now = await bundle();
      if (now !== trusted) trust(now);
    }
  })();
  const ask = async (index: number): Promise<void> => {
    const at = index % ports.length;
    const client = index % 10 === 0 ? clientOf(ports[at] as number, 0) : (kept[at] as Asking);
    try {
      const { status } = await client.post('/pods', body);
      if (status !== 200) failures.push(`HTTP ${status}`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  };
  const began = performance.now();
  const running = new Set<Promise<void>>();
  const start = (index: number): void => {
    const one = ask(index).finally(() => running.delete(one));
    running.add(one);
  };
  while (!isEnough()) {
    const due = ((performance.now() - began) / 1000) * perSecond;
    for (; asked < due && running.size < AT_ONCE; asked++) start(asked);
    await sleep(5);
  }
  await Promise.all([...running, following]);
  for (const client of clients) client.close();
  return { asked, failures };
}

test('authorities and certificates change under 200 reviews a second, and none fails', async () => {
  await waitFor('it is published', async () => (await bundle()) !== '');
  const pods = { method: 'POST', path: '/api/v1/namespaces/plain/pods?dryRun=All' };
  // Beside them, pods that the API server itself asks about: the control that it is trusted too.
  let through = 0;
  const stop = new AbortController();
  const server = (async () => {
    while (!stop.signal.aborted) {
      const { status, body: text } = await api.request({ ...pods, body: unpatchedJob });
      assert.equal(status, 403, text);
      assert.match(text, /TW_ADMIT_/, text);
      through++;
      await sleep(50);
    }
  })();
  const { asked, failures } = await hammer(200, [one.port, two.port]);
  stop.abort();
  await server;
  assert.deepEqual([...new Set(failures)], [], `${failures.length} of ${asked} failed`);
  assert.ok(through > 5, `${through} through the API server`);
});

test('what was changed, was changed by one of the replicas each time', async () => {
  const count = async (port: number) => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const steps = [...text.matchAll(/steps_total\{step="(\w+)"\} (\d+)/g)];
    return Object.fromEntries(steps.map(([, step, times]) => [step, Number(times)]));
  };
  const counts = [await count(one.healthPort), await count(two.healthPort)];
  const total = (step: string) => counts.reduce((sum, of) => sum + (of[step] ?? 0), 0);
  assert.equal(total('begin'), 1);
  assert.ok(Math.abs(total('announce') - total('promote')) <= 1, JSON.stringify(counts));
  assert.ok(total('promote') >= 1, JSON.stringify(counts));
  assert.ok(total('renew') >= 2, JSON.stringify(counts));
});

test('whoever applies the configuration again loses nothing, and meets no conflict', async () => {
  const { metadata } = await read('validatingwebhookconfiguration', configuration);
  assert.ok(metadata.generation > 1);
  await api.kubectl(
    ['apply', '--server-side', '--field-manager=argocd', '-f', '-'],
    JSON.stringify(calledAt(one.port, podWebhooks)),
  );
  assert.match(await bundle(), /BEGIN CERTIFICATE/);
});

test('a Secret that somebody deletes is made anew', async () => {
  const { metadata } = await read('secret', 'torwacht-webhook-certificates');
  await api.kubectl(['delete', 'secret', 'torwacht-webhook-certificates', '-n', 'torwacht']);
  await waitFor('there is another', async () => {
    const now = await read('secret', 'torwacht-webhook-certificates');
    return now.metadata.uid !== metadata.uid;
  });
});
