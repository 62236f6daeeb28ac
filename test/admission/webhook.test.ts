/** Every pod of the table, judged by the webhook that a real API server asks; and our own objects. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { apiVersion } from '#api/version.ts';
import { injection, objectWebhooks, podWebhooks } from '#webhook/manifests/webhooks.ts';
import { torwacht } from '../../cli/testing.ts';
import { established } from '../apiserver/crds.ts';
import { waitFor } from '../cluster/wait.ts';
import { useGround } from './ground.ts';
import { calledAt, startReplica } from './replica.ts';
import { accepted } from './table/accepted.ts';
import { job, own, unpatchedJob } from './table/pods.ts';
import { refused } from './table/refused.ts';
import type { Row } from './table/row.ts';

const rows = [...accepted, ...refused];
const ground = await useGround({ after }, rows);
const { api } = ground;
await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'torwacht' } });
const replica = await startReplica(api, { after });

test('it is registered, and API servers are told whom to trust', async () => {
  await api.apply(calledAt(replica.port, podWebhooks));
  const [first] = refused as [Row];
  await waitFor('it is asked', async () => (await ground.ask(first)).code === first.code);
});

for (const row of rows) {
  test(`${row.code === null ? 'accepted' : 'refused'}: ${row.what}`, async () => {
    const { refused: no, code, message } = await ground.ask(row);
    assert.equal(no, row.code !== null, message);
    if (!row.impossible) assert.equal(code, row.code, message);
  });
}

test('a runner’s pod in a namespace that nobody labelled is refused, another is not', async () => {
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ci-job-101' } });
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'ci-job-101' },
  };
  await api.apply(account);
  const pods = { method: 'POST', path: '/api/v1/namespaces/ci-job-101/pods?dryRun=All' };
  const { status, body } = await api.request({ ...pods, body: job });
  assert.equal(status, 403, body);
  assert.match(body, /TW_ADMIT_OUTSIDE.*KUBERNETES_NAMESPACE_OVERWRITE/);
  assert.equal((await api.request({ ...pods, body: own })).status, 201);
});

test('a pod without the barrier gets it where the binding asks for it', async () => {
  await api.apply(calledAt(replica.port, injection));
  const pods = {
    method: 'POST',
    path: '/api/v1/namespaces/plain/pods?dryRun=All',
    body: unpatchedJob,
  };
  const runner = api.user('system:serviceaccount:plain:gitlab-runner', []);
  const before = await api.request(pods, runner);
  assert.match(before.body, /TW_ADMIT_BARRIER_MISSING/);
  await api.kubectl([
    'patch',
    'rb',
    'runners',
    '-n',
    'plain',
    '--type=merge',
    '-p',
    '{"spec":{"inject":true}}',
  ]);
  const made = await waitFor('it is put in', async () => {
    const { status, body } = await api.request(pods, runner);
    return status === 201 && JSON.parse(body);
  });
  assert.equal(made.spec.initContainers[0].name, 'torwacht-barrier');
  assert.equal(made.spec.initContainers[1].name, 'init-permissions');
  assert.deepEqual(made.spec.securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
});

test('our own objects: refused with what to do, accepted with warnings', async () => {
  const root = join(import.meta.dirname, '../..');
  await api.kubectl(['apply', '-f', join(root, 'config/crd/torwacht.io_egresspolicies.yaml')]);
  await established(api, 'crd/egresspolicies.torwacht.io');
  const policies = {
    method: 'POST',
    path: `/apis/${apiVersion}/namespaces/plain/egresspolicies?dryRun=All`,
  };
  const policy = (spec: object) => ({
    ...policies,
    body: { apiVersion, kind: 'EgressPolicy', metadata: { name: 'web' }, spec },
  });
  assert.equal(
    (await api.request(policy({ presets: ['npn'] }))).status,
    201,
    'control: nobody is asked',
  );
  await api.apply(calledAt(replica.port, objectWebhooks));
  await waitFor('it is asked', async () => {
    const { body } = await api.request(policy({ presets: ['npn'] }));
    return /"npn\\" is no preset of this version.*Did you mean \\"npm/.test(body);
  });
  assert.equal((await api.request(policy({ presets: ['npm'] }))).status, 201);
  const second = { apiVersion, kind: 'RunnerBinding', metadata: { name: 'second' }, spec: {} };
  const bindings = `/apis/${apiVersion}/namespaces/plain/runnerbindings?dryRun=All`;
  const overlap = await api.request({ method: 'POST', path: bindings, body: second });
  assert.match(overlap.body, /selects pods that RunnerBinding plain\/runners selects too/);
});

test('torwacht doctor asks it, and is refused', async () => {
  const { stdout } = await torwacht(
    'doctor',
    '--cluster',
    '--json',
    '--kubeconfig',
    api.kubeconfig,
  );
  const asked = JSON.parse(stdout).groups[0].findings.find(
    (one: { check: string }) => one.check === 'admission.asked',
  );
  assert.equal(asked.level, 'pass', asked.sentence);
  assert.match(asked.sentence, /is refused/);
});

test('it counts what it has answered', async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${replica.healthPort}/metrics`)).text();
  assert.match(metrics, /reviews_total\{hook="pods",result="TW_ADMIT_PRIVILEGED"\} \d/);
  assert.match(metrics, /torwacht_webhook_certificate_expires_seconds 1\d{9}/);
});
