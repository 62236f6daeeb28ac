import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { podSchema } from './check/pod.ts';
import { injected, injection } from './inject.ts';

const bindingWith = (spec: object) =>
  runnerBindingSchema.parse({
    apiVersion,
    kind: 'RunnerBinding',
    metadata: { name: 'runners', namespace: 'ci' },
    spec: { inject: true, barrier: { images: ['r.test/b:1'] }, ...spec },
  });
const binding = bindingWith({});
const pod = {
  metadata: { name: 'x', somethingNew: 1 },
  spec: {
    containers: [{ name: 'c' }],
    initContainers: [{ name: 'own' }],
    somethingNew: { a: [1] },
  },
};
const ask = (object: object, bindings = [binding], namespace = 'ci') => {
  const user = { username: 'x', groups: [] };
  const request = { phase: 'create', namespace, user, pod: podSchema.parse(object) } as const;
  return {
    patch: injection(request, object, bindings),
    after: injected(request, object, bindings),
  };
};
const initsOf = (object: object) =>
  (object as typeof pod).spec.initContainers.map(({ name }) => name);

test('the barrier comes first, and nothing else changes but the profile', () => {
  const { after } = ask(pod);
  assert.deepEqual(initsOf(after), ['torwacht-barrier', 'own']);
  const { initContainers, securityContext, ...rest } = (after as { spec: Record<string, unknown> })
    .spec;
  assert.deepEqual(securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
  const { initContainers: _, ...before } = pod.spec;
  assert.deepEqual(rest, before);
});

test('asked again it changes nothing; moved away by another webhook, it is put first again', () => {
  const { after } = ask(pod);
  assert.deepEqual(ask(after).patch, []);
  const [first, ...others] = (after as typeof pod).spec.initContainers;
  const moved = {
    ...pod,
    spec: { ...(after as typeof pod).spec, initContainers: [{ name: 'mesh' }, first, ...others] },
  };
  assert.deepEqual(initsOf(ask(moved).after), ['torwacht-barrier', 'mesh', 'own']);
});

test('a profile that the pod has is its own to answer for', () => {
  const loose = {
    ...pod,
    spec: { ...pod.spec, securityContext: { seccompProfile: { type: 'Unconfined' } } },
  };
  assert.deepEqual(
    (ask(loose).after as typeof loose).spec.securityContext,
    loose.spec.securityContext,
  );
});

test('only where the one binding of the pod asks for it', () => {
  assert.deepEqual(ask(pod, [bindingWith({ inject: false })]).patch, []);
  assert.deepEqual(ask(pod, [bindingWith({ barrier: { images: ['r.test/b:*'] } })]).patch, []);
  assert.deepEqual(ask(pod, [binding, binding]).patch, []);
  assert.deepEqual(ask(pod, [binding], 'other').patch, []);
  assert.deepEqual(ask(pod, []).patch, []);
});
