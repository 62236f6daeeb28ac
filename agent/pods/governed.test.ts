import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '#policy/compile.ts';
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

test('a cluster policy in the files bounds what they allow, also where nobody knows labels', () => {
  const cluster = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'ClusterEgressPolicy',
    metadata: { name: 'floor' },
    spec: {
      namespaceSelector: { matchLabels: { team: 'a' } },
      allow: [{ fqdn: ['opened.test'] }],
      ceiling: { allow: [{ fqdn: ['**.corp.test'] }] },
    },
  };
  const open = policy({ allow: [{ fqdn: ['git.corp.test', 'evil.test'] }] });
  const names = (...documents: readonly object[]) =>
    governed(documentsOf(binding({}), open, ...documents), pod())?.policy.names.map(
      ({ pattern }) => pattern.labels[0],
    );
  assert.deepEqual(names(), ['git', 'evil']);
  assert.deepEqual(names(cluster), ['git']);
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

test('what pods share is what would be compiled for each alone', () => {
  const named = (name: string, document: object) => ({
    ...document,
    metadata: { name, namespace: 'ci' },
  });
  const trust = { annotations: true, jobNames: true };
  const documents = documentsOf(
    named('all', binding({ trust, modes: [{ projects: ['7'], mode: 'Observe' }] })),
    named('some', binding({ trust, mode: 'Observe', selector: { podLabels: { app: 'x' } } })),
    named('open', policy({ allow: [{ fqdn: ['a.test'] }] })),
    named('seven', policy({ selector: { projects: ['7'] }, allow: [{ fqdn: ['b.test'] }] })),
    named('jobs', policy({ selector: { jobs: ['dep*'] }, deny: [{ fqdn: ['a.test'] }] })),
  );
  const policies = new Set<string>();
  for (const project of ['7', '42', undefined]) {
    for (const app of ['x', 'y']) {
      for (const job of ['deploy', 'test', undefined]) {
        const labels = { app, ...(project ? { 'project.runner.gitlab.com/id': project } : {}) };
        const annotations = job ? { 'job.runner.gitlab.com/name': job } : {};
        const found = governed(documents, pod({ labels, annotations }));
        assert.ok(found);
        assert.equal(found.policy.digest, compile(documents, found.identity).digest);
        policies.add(found.policy.digest);
      }
    }
  }
  assert.ok(policies.size >= 4, `${policies.size}`);
});

test('the page of a job is known where annotations count, and on the GitLab of a binding alone', () => {
  const url = 'https://gitlab.test/shop/cart/-/jobs/4711';
  const of = (spec: object, said: string) => {
    const annotations = { 'job.runner.gitlab.com/url': said };
    return governed(documentsOf(binding(spec)), pod({ annotations }))?.jobUrl;
  };
  const gitlab = { url: 'https://gitlab.test' };
  const trust = { annotations: true };
  assert.equal(of({ gitlab, trust }, url), url);
  assert.equal(of({ gitlab }, url), undefined, 'a job can write annotations');
  assert.equal(of({ trust }, url), undefined, 'nobody knows the GitLab');
  assert.equal(of({ gitlab, trust }, 'https://evil.test/shop/cart/-/jobs/4711'), undefined);
});
