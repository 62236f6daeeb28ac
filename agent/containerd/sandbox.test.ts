import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSandbox, parentOf, readPrepared, readSandbox } from './sandbox.ts';
import { containerOf } from './testing/runtime.ts';

test('the pod’s cgroup stands above the sandbox’s own, with both cgroup drivers', () => {
  for (const [path, parent] of [
    ['/kubepods/besteffort/podx/id', '/kubepods/besteffort/podx'],
    ['/kubepods/podx/id', '/kubepods/podx'],
    ['/id', '/'],
    [
      'kubepods-besteffort-podx.slice:cri-containerd:id',
      '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podx.slice',
    ],
    ['kubepods-podx_y.slice:cri-containerd:id', '/kubepods.slice/kubepods-podx_y.slice'],
    ['system.slice:cri-containerd:id', '/system.slice'],
  ] as const) {
    assert.equal(parentOf(path), parent, path);
  }
});

test('a sandbox is read with its labels, its annotations and its namespaces', () => {
  const annotations = { 'job.runner.gitlab.com/name': 'deploy' };
  const searches = ['ci.svc.Cluster.local'];
  const container = containerOf({ id: 'a', labels: { app: 'x' }, annotations, searches });
  const sandbox = readSandbox(container, 7);
  assert.equal(isSandbox(container), true);
  assert.deepEqual(
    [sandbox.namespace, sandbox.name, sandbox.uid, sandbox.pid, sandbox.hostNetwork],
    ['ci', 'pod-a', 'uid-a', 7, false],
  );
  assert.equal(sandbox.labels.app, 'x');
  assert.deepEqual(sandbox.annotations, annotations);
  assert.deepEqual(sandbox.searches, ['ci.svc.cluster.local']);
  assert.equal(sandbox.cgroup, '/kubepods/besteffort/poda');
});

test('a pod without a network namespace of its own says so', () => {
  assert.equal(readSandbox(containerOf({ id: 'a', hostNetwork: true }), 7).hostNetwork, true);
});

test('one without a process is reached by the runtime’s own path of its network namespace', () => {
  const address = '10.0.0.2';
  const prepared = readPrepared(containerOf({ id: 'a', address }), 9);
  assert.deepEqual([prepared?.pid, prepared?.netns], [null, '/proc/9/root/run/netns/a']);
  const linked = readPrepared(containerOf({ id: 'a', address, netns: '/var/run/netns/b' }), 9);
  assert.equal(linked?.netns, '/proc/9/root/run/netns/b');
  for (const without of [{ hostNetwork: true }, { netns: '' }, { address: '' }]) {
    assert.equal(readPrepared(containerOf({ id: 'a', address, ...without }), 9), null);
  }
});

test('what cannot be read is an error that names it', () => {
  const whole = containerOf({ id: 'a' });
  const broken = { typeUrl: '', value: Buffer.from('{') };
  for (const [change, what] of [
    [{ spec: undefined }, /spec/],
    [{ spec: broken }, /spec/],
    [{ spec: { typeUrl: '', value: Buffer.from('{}') } }, /cgroup/],
    [{ labels: {} }, /namespace/],
    [{ extensions: { 'io.cri-containerd.sandbox.metadata': broken } }, /metadata/],
  ] as const) {
    assert.throws(() => readSandbox({ ...whole, ...change }, 7), {
      code: 'TW_CONTAINERD_SANDBOX',
      message: what,
    });
  }
});
