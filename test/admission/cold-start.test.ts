/**
 * The webhook is registered and away: a cluster that starts comes up, the webhook's own pods are made, nobody
 * but runners' pods and enforced namespaces waits for it. And it does its work with the rights that its
 * manifests give it, and no others.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { podWebhooks } from '#webhook/manifests/webhooks.ts';
import { established } from '../apiserver/crds.ts';
import { freePorts } from '../apiserver/ports.ts';
import { useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { calledAt, startReplica } from './replica.ts';
import { written } from './table/bindings.ts';
import { job, own } from './table/pods.ts';

const root = join(import.meta.dirname, '../..');
const api = await useApiServer({ after }, { withControllers: true });
await api.kubectl(['apply', '-f', join(root, 'config/agent/namespace.yaml')]);
await api.kubectl(['apply', '-k', join(root, 'config/crd')]);
await established(api, 'crd', '--all');
for (const name of ['plain', 'other']) {
  const labels = name === 'plain' ? { 'torwacht.io/enforce': 'true' } : {};
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
}
await waitFor('accounts are there', async () => {
  const { body } = await api.request({
    path: '/api/v1/serviceaccounts?fieldSelector=metadata.name=default',
  });
  return ['plain', 'other', 'torwacht'].every((name) => body.includes(`"namespace":"${name}"`));
});
await api.apply(written('plain') as object);
const [port = 0] = await freePorts(1);

const make = async (namespace: string, body: object) =>
  await api.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
    body,
  });
const isUntouched = async (): Promise<void> => {
  for (const namespace of ['other', 'kube-system', 'torwacht', 'default']) {
    assert.equal((await make(namespace, own)).status, 201, namespace);
  }
};

test('all manifests are taken, and the webhook’s own pods are made while nobody answers', async () => {
  await api.kubectl(['apply', '-k', join(root, 'config/webhook-injection')]);
  await api.apply(calledAt(port, podWebhooks));
  const replicas = await waitFor('the Deployment has its pods', async () => {
    const text = await api.kubectl(['get', 'pods', '-n', 'torwacht', '-o', 'json']);
    const { items } = JSON.parse(text);
    return items.length === 2 && items;
  });
  assert.equal(replicas[0].spec.serviceAccountName, 'torwacht-webhook');
});

test('while it is away, enforced namespaces and runners’ pods wait, and nobody else', async () => {
  await waitFor('it is asked', async () => {
    const { status, body } = await make('plain', own);
    return status === 500 && /failed calling webhook/.test(body);
  });
  assert.match((await make('plain', job)).body, /failed calling webhook/);
  assert.match((await make('other', job)).body, /failed calling webhook \\"outside\.torwacht\.io/);
  await isUntouched();
  await api.kubectl(['create', 'namespace', 'another']);
  await api.kubectl(['label', 'namespace', 'another', 'torwacht.io/enforce=true']);
});

test('a cluster that starts anew comes up without it', async () => {
  await api.controllers?.kill();
  await api.server.kill();
  await api.etcd.kill();
  await api.etcd.start();
  await api.server.start();
  await api.controllers?.start();
  await isUntouched();
  await api.kubectl(['delete', 'pods', '-n', 'torwacht', '--all', '--wait=false', '--force']);
  await waitFor('its pods are made again', async () => {
    const { items } = JSON.parse(
      await api.kubectl(['get', 'pods', '-n', 'torwacht', '-o', 'json']),
    );
    return items.length === 2;
  });
});

test('it comes, with its own rights alone, and pods are judged; it goes, and they wait again', async () => {
  const { token } = await api.serviceAccount('torwacht', 'torwacht-webhook');
  const settings = { kubeconfig: api.kubeconfigFor({ token }), port };
  const first = await startReplica(api, { after }, settings);
  const runner = api.user('system:serviceaccount:plain:gitlab-runner');
  await api.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'everybody' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' },
    ],
  });
  const pods = { method: 'POST', path: '/api/v1/namespaces/plain/pods?dryRun=All' };
  await waitFor('the runner’s pod is let in', async () => {
    return (await api.request({ ...pods, body: job }, runner)).status === 201;
  });
  assert.match((await make('plain', job)).body, /TW_ADMIT_NOT_A_RUNNER/);
  await first.stop();
  const away = await api.request({ ...pods, body: job }, runner);
  assert.equal(away.status, 500);
  await isUntouched();
  await startReplica(api, { after }, settings);
  await waitFor('it is let in again', async () => {
    return (await api.request({ ...pods, body: job }, runner)).status === 201;
  });
});

test('the program itself: ready when it can answer, and gone when it is told to', async (t) => {
  const { token } = await api.serviceAccount('torwacht', 'torwacht-webhook');
  const [reviews, health] = await freePorts(2);
  const child = spawn(
    process.execPath,
    [
      join(root, 'webhook/main.ts'),
      ...['--kubeconfig', api.kubeconfigFor({ token })],
      ...['--listen', `127.0.0.1:${reviews}`, '--health', `127.0.0.1:${health}`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  t.after(() => child.kill('SIGKILL'));
  await waitFor('it is ready', async () => {
    return (await fetch(`http://127.0.0.1:${health}/readyz`)).status === 200;
  });
  const secret = JSON.parse(
    await api.kubectl([
      'get',
      'secret',
      'torwacht-webhook-certificates',
      '-n',
      'torwacht',
      '-o',
      'json',
    ]),
  );
  const authority = Buffer.from(secret.data['ca.crt'], 'base64').toString('utf8');
  // By the name of its Service, which is not this host's.
  const names = await shownNames(reviews ?? 0, authority);
  assert.match(names, /DNS:torwacht-webhook\.torwacht\.svc\b/);
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});

async function shownNames(at: number, ca: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: at, ca, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const { subjectaltname = '' } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}
