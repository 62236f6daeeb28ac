/** Who may take a namespace out of enforcement, and runners' pods where nobody enforces: in a real API server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { apiVersion } from '#api/version.ts';
import { enforceLabel } from '#webhook/manifests/common.ts';
import { established } from '../apiserver/crds.ts';
import { useApiServer } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';
import { job, own } from './table/pods.ts';

const root = join(import.meta.dirname, '../..');
const api = await useApiServer({ after }, { withControllers: true });
const rbac = 'rbac.authorization.k8s.io';

const nobody = api.user('nobody');
const admin = api.user('ada', ['team-shop']);
const platform = api.user('grace', ['platform']);

const labelPatch = (value: string | null) => ({
  method: 'PATCH',
  path: '/api/v1/namespaces/shop',
  type: 'application/merge-patch+json',
  body: { metadata: { labels: { [enforceLabel]: value } } },
});
const statusPatch = { ...labelPatch('false'), path: '/api/v1/namespaces/shop/status' };
const bindings = `/apis/${apiVersion}/namespaces/shop/runnerbindings`;
const binding = (name: string) => ({
  apiVersion,
  kind: 'RunnerBinding',
  metadata: { name, namespace: 'shop' },
  spec: {},
});

/** As administrators of a namespace have them who were given everything in it, and the namespace to edit. */
const rights: readonly object[] = [
  {
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata: { name: 'everything', namespace: 'shop' },
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'everything', namespace: 'shop' },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'everything' },
    subjects: ['team-shop', 'platform'].map((name) => ({ apiGroup: rbac, kind: 'Group', name })),
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'platform' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'torwacht-guard' },
    subjects: [{ apiGroup: rbac, kind: 'Group', name: 'platform' }],
  },
];

await api.apply({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels: { [enforceLabel]: 'true' } },
});
for (const object of rights) await api.apply(object);
await api.kubectl(['apply', '-f', join(root, 'config/crd/torwacht.io_runnerbindings.yaml')]);
await established(api, 'crd/runnerbindings.torwacht.io');

test('control: without the policy its administrator takes a namespace out of enforcement', async () => {
  const ask = async (value: string | null) => (await api.request(labelPatch(value), admin)).status;
  assert.equal(await ask('false'), 200);
  assert.equal(await ask('true'), 200);
  const made = await api.request({ method: 'POST', path: bindings, body: binding('first') }, admin);
  assert.equal(made.status, 201);
});

test('with it, only the platform changes the label', async () => {
  await api.kubectl(['apply', '-f', join(root, 'config/webhook/guard.yaml')]);
  await waitFor('the policy is in force', async () => {
    const { status, body } = await api.request(labelPatch('false'), admin);
    if (status === 200) await api.request(labelPatch('true'));
    return /TW_ADMIT_GUARD_LABEL/.test(body);
  });
  for (const question of [labelPatch(null), labelPatch('no'), statusPatch]) {
    const { status, body } = await api.request(question, admin);
    assert.equal(status, 403, body);
    assert.match(body, /TW_ADMIT_GUARD_LABEL/);
  }
  const other = { ...labelPatch('true'), body: { metadata: { labels: { team: 'shop' } } } };
  assert.equal((await api.request(other, admin)).status, 200);
  assert.equal((await api.request(labelPatch('true'), nobody)).status, 403);
  assert.equal((await api.request(labelPatch(null), platform)).status, 200);
  assert.equal((await api.request(labelPatch('true'), platform)).status, 200);
});

test('with it, only the platform writes bindings', async () => {
  const patch = {
    method: 'PATCH',
    path: `${bindings}/first`,
    type: 'application/merge-patch+json',
    body: { spec: { mode: 'Observe' } },
  };
  const questions = [
    { method: 'POST', path: bindings, body: binding('second') },
    patch,
    { method: 'DELETE', path: `${bindings}/first` },
    { method: 'DELETE', path: bindings },
  ];
  for (const question of questions) {
    const { status, body } = await api.request(question, admin);
    assert.equal(status, 403, body);
    assert.match(body, /TW_ADMIT_GUARD_BINDING/);
  }
  const owner = { ...patch, body: { metadata: { annotations: { note: 'seen' } } } };
  assert.equal((await api.request(owner, admin)).status, 200);
  assert.equal((await api.request(patch, platform)).status, 200);
});

test('a namespace that goes takes its bindings along', async () => {
  await api.kubectl(['delete', 'namespace', 'shop', '--wait=false']);
  await waitFor('it is gone', async () => {
    return (await api.request({ path: '/api/v1/namespaces/shop' })).status === 404;
  });
});

test('runners’ pods are refused where nobody enforces, and nobody else’s', async () => {
  await api.kubectl(['apply', '-f', join(root, 'config/admission-policy/outside.yaml')]);
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ci-job-101' } });
  const pods = { method: 'POST', path: '/api/v1/namespaces/ci-job-101/pods?dryRun=All' };
  await waitFor('the policy is in force', async () => {
    const { body } = await api.request({ ...pods, body: job });
    return /TW_ADMIT_OUTSIDE/.test(body);
  });
  assert.equal((await api.request({ ...pods, body: own })).status, 201);
  const system = {
    method: 'POST',
    path: '/api/v1/namespaces/kube-system/pods?dryRun=All',
    body: job,
  };
  assert.equal((await api.request(system)).status, 201);
});
