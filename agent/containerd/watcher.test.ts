import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TorwachtError } from '#api/error.ts';
import { containerOf, TestRuntime, type TestSandbox } from './testing/runtime.ts';
import { ContainerdWatcher } from './watcher.ts';

async function setUp(t: TestContext, ...running: readonly TestSandbox[]) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-containerd-'));
  const socket = join(folder, 's');
  const runtime = new TestRuntime();
  const add = (one: TestSandbox, pid: number | undefined = one.dead ? undefined : 100) =>
    runtime.containers.set(one.id, { container: containerOf(one), pid });
  for (const one of running) add(one);
  await runtime.start(socket);
  const cgroupExists = (path: string): boolean => !path.includes('gone');
  const options = { socket, backOff: () => 20, settle: 20, cgroupExists };
  const watcher = new ContainerdWatcher(options);
  t.after(() => {
    watcher.close();
    runtime.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const told: string[] = [];
  const faults: string[] = [];
  watcher.start({
    started: ({ name, pid }) => told.push(`started ${name} ${pid}`),
    ended: (id) => told.push(`ended ${id}`),
    listed: (list) => told.push(`listed ${list.map(({ name }) => name).join()}`),
    fault: (error) => faults.push((error as TorwachtError).code),
  });
  return { runtime, watcher, told, faults, add, socket };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !holds(); tries++) await sleep(10);
  assert.ok(holds(), 'it never came to be so');
}

test('what runs is listed at the connect, and once more soon after', async (t) => {
  const { runtime, watcher, told } = await setUp(t, { id: 'a' }, { id: 'x', kind: 'container' });
  await until(() => told.length >= 1);
  assert.equal(told[0], 'listed pod-a');
  assert.equal(watcher.runtime, 'containerd 2.4.2');
  await until(() => told.length === 2);
  assert.deepEqual(runtime.filters, [
    ['/containers/create', '/containers/update', '/tasks/create', '/tasks/exit'].map(
      (topic) => `namespace==k8s.io,topic=="${topic}"`,
    ),
  ]);
});

test('sandboxes that start are told with all that is known; their containers are not', async (t) => {
  const { runtime, told, add } = await setUp(t);
  await until(() => runtime.subscribed === 1 && told.length >= 2);
  add({ id: 'b' }, 77);
  add({ id: 'c', kind: 'container' }, 78);
  runtime.tell('/tasks/create', 'c', 78);
  runtime.tell('/tasks/create', 'b', 77);
  runtime.tell('/tasks/create', 'gone', 79);
  await until(() => told.includes('started pod-b 77'));
  runtime.tell('/tasks/exit', 'b', 80, 'exec-1');
  runtime.tell('/tasks/exit', 'b', 77);
  await until(() => told.includes('ended b'));
  assert.deepEqual(told.slice(2), ['started pod-b 77', 'ended b']);
});

test('a record is asked for when it is made, and once; again where it was not to be had then', async (t) => {
  const { runtime, told, add } = await setUp(t);
  await until(() => runtime.subscribed === 1 && told.length >= 2);
  add({ id: 'b' }, 77);
  runtime.tellContainer('b');
  runtime.tellContainer('late');
  await until(() => runtime.asked.length === 2);
  assert.equal(told.length, 2);
  runtime.tell('/tasks/create', 'b', 77);
  add({ id: 'late' }, 78);
  runtime.tell('/tasks/create', 'late', 78);
  await until(() => told.length === 4);
  assert.deepEqual(told.slice(2), ['started pod-b 77', 'started pod-late 78']);
  assert.deepEqual(runtime.asked, ['b', 'late', 'late']);
});

test('a sandbox is told of before its task, where all that it will be is there', async (t) => {
  const { runtime, watcher, told, faults, add } = await setUp(t);
  await until(() => runtime.subscribed === 1 && told.length >= 2);
  const there = { netns: '/proc/self/ns/net', address: '10.0.0.2' };
  for (const one of [
    { id: 'a', ...there },
    { id: 'no-netns', address: '10.0.0.2' },
    { id: 'no-links', ...there, address: '' },
    { id: 'no-cgroup', ...there, cgroupsPath: '/kubepods/gone/x' },
    { id: 'c', ...there, kind: 'container' },
    { id: 'bad', ...there, labels: { 'io.kubernetes.pod.uid': '' } },
  ] as const) {
    add(one, 77);
    runtime.tellContainer(one.id);
  }
  await until(() => runtime.asked.length === 6 && told.length > 2);
  runtime.tell('/tasks/create', 'a', 77);
  await until(() => told.length === 4);
  assert.deepEqual(told.splice(2), ['started pod-a null', 'started pod-a 77']);
  assert.deepEqual(faults, []);
  runtime.version = 'v1.6.20';
  watcher.list();
  await until(() => watcher.runtime === 'containerd 1.6.20' && told.length === 3);
  told.splice(2);
  add({ id: 'no-links', ...there }, 78);
  runtime.tellContainer('no-links');
  runtime.tellContainer('no-links', 'update');
  await until(() => told.length === 3);
  assert.equal(told[2], 'started pod-no-links null');
  assert.equal(runtime.asked.length, 7);
});

test('when the runtime goes and comes back, what it did meanwhile is listed', async (t) => {
  const { runtime, told, faults, add, socket } = await setUp(t, { id: 'a' });
  await until(() => told.length >= 2);
  runtime.stop();
  await until(() => faults.length >= 2);
  assert.deepEqual([...new Set(faults)], ['TW_CONTAINERD_LOST']);
  add({ id: 'b' });
  await runtime.start(socket);
  await until(() => told.includes('listed pod-a,pod-b'));
  await until(() => runtime.subscribed === 1);
  add({ id: 'c' }, 9);
  runtime.tell('/tasks/create', 'c', 9);
  await until(() => told.includes('started pod-c 9'));
});

test('a record that cannot be read is told, and keeps none of the others', async (t) => {
  const { told, faults } = await setUp(
    t,
    { id: 'a' },
    { id: 'bad', labels: { 'io.kubernetes.pod.uid': '' } },
  );
  await until(() => told.length >= 1);
  assert.equal(told[0], 'listed pod-a');
  assert.equal(faults[0], 'TW_CONTAINERD_SANDBOX');
});

test('a sandbox whose process has ended is listed while containers of its pod run on', async (t) => {
  const uid = (of: string) => ({ 'io.kubernetes.pod.uid': `uid-${of}` });
  const { told, faults } = await setUp(
    t,
    { id: 'a', dead: true },
    { id: 'a1', kind: 'container', labels: uid('a'), dead: true },
    { id: 'a2', kind: 'container', labels: uid('a') },
    // Nothing of it runs; its cgroup is on its way out.
    { id: 'b', dead: true },
    { id: 'b1', kind: 'container', labels: uid('b'), dead: true },
    // It ran once, and there is another sandbox of the pod.
    { id: 'c', dead: true, labels: uid('d') },
    { id: 'd' },
    { id: 'gone', dead: true },
    { id: 'g1', kind: 'container', labels: uid('gone') },
    { id: 'bad', dead: true, cgroupsPath: '' },
  );
  await until(() => told.length >= 1);
  assert.equal(told[0], 'listed pod-d,pod-a');
  assert.deepEqual(faults, []);
});
