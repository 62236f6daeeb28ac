import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Taint } from '../resources.ts';
import { faultOfKey, STARTUP_TAINT, saysReady, untaint } from './startup-taint.ts';

const taint = (key: string, effect = 'NoSchedule'): Taint => ({ key, effect });
const OURS = taint(STARTUP_TAINT);
const OTHER = { ...taint('example.test/gpu', 'NoExecute'), timeAdded: '2026-01-01T00:00:00Z' };

test('a patch holds for the taints that were seen, and leaves all others as they are', () => {
  const taints = [OTHER, OURS, taint(STARTUP_TAINT, 'NoExecute')];
  assert.deepEqual(untaint(taints, STARTUP_TAINT), [
    { op: 'test', path: '/spec/taints', value: taints },
    { op: 'replace', path: '/spec/taints', value: [OTHER] },
  ]);
  assert.deepEqual(untaint([OURS], STARTUP_TAINT), [
    { op: 'test', path: '/spec/taints', value: [OURS] },
    { op: 'remove', path: '/spec/taints' },
  ]);
});

test('a node without it needs no patch', () => {
  for (const taints of [undefined, [], [OTHER], [taint(`${STARTUP_TAINT}-2`)]]) {
    assert.equal(untaint(taints, STARTUP_TAINT), undefined);
  }
});

test('an agent is ready where it says so, having read its object', () => {
  const condition = (type: string, status: 'True' | 'False' | 'Unknown') => ({
    ...{ type, status, reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    observedGeneration: 1,
  });
  const ready = condition('Ready', 'True');
  assert.ok(saysReady({ status: { observedGeneration: 1, conditions: [ready] } }));
  assert.ok(!saysReady({ status: { conditions: [ready] } }), 'it has not read it');
  for (const conditions of [
    undefined,
    [],
    [condition('Ready', 'Unknown')],
    [condition('Stalled', 'True')],
  ]) {
    assert.ok(!saysReady({ status: { observedGeneration: 1, ...(conditions && { conditions }) } }));
  }
  assert.ok(!saysReady({}) && !saysReady(undefined));
});

test('a key is one of the node pools’ owner', () => {
  for (const key of [
    STARTUP_TAINT,
    'startup-taint.cluster-autoscaler.kubernetes.io/torwacht',
    'ignore-taint.cluster-autoscaler.kubernetes.io/torwacht',
    'notkubernetes.io/a',
  ]) {
    assert.equal(faultOfKey(key), undefined, key);
  }
  for (const [key, fault] of [
    ['node.kubernetes.io/not-ready', /Kubernetes itself/],
    ['node-role.kubernetes.io/control-plane', /Kubernetes itself/],
    ['kubernetes.io/x', /Kubernetes itself/],
    ['agent-not-ready', /no key/],
    [`${STARTUP_TAINT}=true:NoSchedule`, /no key/],
    [`a'/b`, /no key/],
    ['', /no key/],
  ] as const) {
    assert.match(faultOfKey(key) ?? '', fault, key);
  }
});
