import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies } from '#policy/load.ts';
import { governed } from './governed.ts';

const PROJECT = { 'project.runner.gitlab.com/id': '42' };
const JOB = { 'job.runner.gitlab.com/name': 'deploy' };

function documentsOf(...documents: readonly object[]) {
  const text = documents.map((one) => JSON.stringify(one)).join('\n---\n');
  const loaded = parsePolicies([{ file: 'bundle.yaml', content: Buffer.from(text) }]);
  assert.deepEqual(loaded.problems, []);
  return loaded.documents;
}

const binding = (spec: object, namespace = 'ci') => ({
  apiVersion: 'torwacht.io/v1alpha1',
  kind: 'RunnerBinding',
  metadata: { name: 'runners', namespace },
  spec,
});
const policy = (spec: object, namespace = 'ci') => ({
  apiVersion: 'torwacht.io/v1alpha1',
  kind: 'EgressPolicy',
  metadata: { name: 'web', namespace },
  spec,
});
const pod = (change: object = {}) => ({
  ...{ namespace: 'ci', labels: { ...PROJECT, app: 'x' }, annotations: JOB },
  ...change,
});

test('a pod is governed by a binding of its namespace, and by no other', () => {
  const documents = documentsOf(binding({}), policy({ allow: [{ fqdn: ['example.com'] }] }));
  const found = governed(documents, pod());
  assert.deepEqual(found?.identity.project, '42');
  assert.equal(found?.policy.mode, 'Block');
  assert.equal(found?.policy.names.length, 1);
  assert.equal(governed(documents, pod({ namespace: 'web' })), null);
});

test('a binding may ask for labels', () => {
  const documents = documentsOf(binding({ selector: { podLabels: { app: 'x' } } }));
  assert.ok(governed(documents, pod()));
  assert.equal(governed(documents, pod({ labels: { app: 'y' } })), null);
});

test('policies of other namespaces, and for other projects, are not the pod’s', () => {
  const documents = documentsOf(
    binding({}),
    policy({ allow: [{ fqdn: ['example.com'] }] }, 'other'),
    {
      ...policy({ selector: { projects: ['7'] }, allow: [{ fqdn: ['example.org'] }] }),
      metadata: { name: 'seven', namespace: 'ci' },
    },
  );
  assert.deepEqual(governed(documents, pod())?.policy.names, []);
});

test('an annotation names the job only where every binding trusts annotations', () => {
  const trusting = binding({ trust: { annotations: true } });
  assert.equal(governed(documentsOf(trusting), pod())?.identity.job, 'deploy');
  assert.equal(governed(documentsOf(binding({})), pod())?.identity.job, undefined);
  const second = { ...binding({}), metadata: { name: 'second', namespace: 'ci' } };
  assert.equal(governed(documentsOf(trusting, second), pod())?.identity.job, undefined);
});

test('pods that may reach the same share one policy, whoever they are', () => {
  const documents = documentsOf(binding({}), policy({ allow: [{ fqdn: ['example.com'] }] }));
  const one = governed(documents, pod())?.policy;
  assert.ok(one);
  assert.equal(governed(documents, pod({ labels: { app: 'y' } }))?.policy, one);
});
