import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterEgressPolicySchema } from './cluster-egress-policy.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { nodeAgentSpecSchema, nodeAgentStatusSchema } from './node-agent.ts';
import { headLabel, policyBundleSchema, policyBundleSpecSchema } from './policy-bundle.ts';
import { policyStatusSchema } from './status.ts';
import type { StoredPolicyBundle } from './stored.ts';
import { apiVersion } from './version.ts';

const digest = 'ab'.repeat(32);
const binding = { namespace: 'ci', name: 'main', generation: 3 };
const head = { binding, digest, pieces: [digest], policies: 2 };
const condition = {
  type: 'Ready',
  status: 'Unknown',
  lastTransitionTime: '2026-11-26T21:25:52Z',
  reason: 'New',
  message: '',
};
const nodes = { ready: 1, total: 2, notReady: 0, summary: '1/2' };
const waiting = { reason: 'NotYet', count: 1, nodes: ['a'] };

test('a cluster policy is above namespaces, and reads like a policy of one', () => {
  const policy = {
    apiVersion,
    kind: 'ClusterEgressPolicy',
    metadata: { name: 'floor' },
    spec: { namespaceSelector: {}, deny: [{ cidr: ['10.0.0.0/8'] }], ceiling: {} },
  };
  assert.equal(clusterEgressPolicySchema.safeParse(policy).success, true);
  const metadata = { name: 'floor', namespace: 'ci' };
  assert.equal(clusterEgressPolicySchema.safeParse({ ...policy, metadata }).success, false);
  const { spec } = clusterEgressPolicySchema.parse({
    ...policy,
    spec: { ceiling: { allow: [{ fqdn: ['**.example.com'] }] } },
  });
  assert.deepEqual(spec.ceiling?.allow?.[0]?.ports, [{ port: 443, protocol: 'TCP' }]);
});

test('an object as the API server gives it is a document too', () => {
  const stored: StoredPolicyBundle = {
    apiVersion,
    kind: 'PolicyBundle',
    metadata: {
      name: 'ci.main',
      labels: { [headLabel]: 'true' },
      uid: '0b4a',
      resourceVersion: '7',
      generation: 1,
      creationTimestamp: '2026-11-26T21:25:52Z',
    },
    spec: { head },
  };
  assert.equal(policyBundleSchema.safeParse(stored).success, true);
});

const verdicts = [
  [policyBundleSpecSchema, { head }, true],
  [policyBundleSpecSchema, { piece: { content: '[]' } }, true],
  [policyBundleSpecSchema, {}, false],
  [policyBundleSpecSchema, { head, piece: { content: '[]' } }, false],
  [policyBundleSpecSchema, { piece: { content: '["ü"]' } }, false],
  [policyBundleSpecSchema, { head: { ...head, pieces: [] } }, false],
  [nodeAgentSpecSchema, { bindings: [{ namespace: 'ci', name: 'a', bundle: 'ci.a' }] }, true],
  [
    nodeAgentSpecSchema,
    { bindings: [0, 1].map((n) => ({ namespace: 'ci', name: 'a', bundle: `ci.${n}` })) },
    false,
  ],
  [nodeAgentStatusSchema, { conditions: [condition], pods: { enforced: 1, failed: 0 } }, true],
  [nodeAgentStatusSchema, { conditions: [condition, condition] }, false],
  [nodeAgentStatusSchema, { bindings: [{ namespace: 'ci', name: 'a', digest: 'AB' }] }, false],
  [policyStatusSchema, { conditions: [condition], nodes, waiting: [waiting] }, true],
  [policyStatusSchema, { waiting: [waiting, waiting] }, false],
  [policyStatusSchema, { nodes: { ...nodes, ready: -1 } }, false],
  [labelSelectorSchema, { matchExpressions: [{ key: 'a', operator: 'Exists' }] }, true],
  [labelSelectorSchema, { matchExpressions: [{ key: 'a', operator: 'In' }] }, false],
  [
    labelSelectorSchema,
    { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
    false,
  ],
  [labelSelectorSchema, { matchLabels: { 'a/b/c': 'd' } }, false],
] as const;

for (const [schema, value, good] of verdicts) {
  const text = JSON.stringify(value).replaceAll(digest, 'DIGEST');
  test(`${good ? 'accepted' : 'refused'}: ${text}`, () => {
    assert.equal(schema.safeParse(value).success, good);
  });
}
