/** kubectl as it is called, against a program in its place that writes down what it got. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobPod } from '../pod/pod.ts';
import { recordedJob, recordedRunner } from '../pod/testing.ts';
import { Lost, Refused } from './cluster.ts';
import { kubectlCluster, readStatus, refusal } from './kubectl.ts';

const place = { namespace: 'ci', pod: 'p-1' };

interface Call {
  readonly args: readonly string[];
  readonly input: string;
}

/** A kubectl that is this shell script; `calls` are its arguments and its input. */
function standIn(context: TestContext, script: string) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-kubectl-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'kubectl');
  const head = `#!/bin/sh\ncd ${folder}\nprintf '%s\\0' "$@" >> args\necho >> args\ncat >> input\n`;
  writeFileSync(program, `${head}${script}\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'args'), '');
  writeFileSync(join(folder, 'input'), '');
  const cluster = kubectlCluster({ program, environment: { PATH: process.env.PATH } });
  const call = (): Call => ({
    args: readFileSync(join(folder, 'args'), 'utf8').split('\n')[0]?.split('\0').slice(0, -1) ?? [],
    input: readFileSync(join(folder, 'input'), 'utf8'),
  });
  return { cluster, call };
}

test('create gives the pod on standard input', async (t) => {
  const { cluster, call } = standIn(t, 'exit 0');
  const pod = jobPod(recordedJob, recordedRunner, 'f70d02nm');
  await cluster.create(pod);
  assert.deepEqual(call().args, ['create', '--filename', '-']);
  assert.deepEqual(JSON.parse(call().input), pod);
});

test('a pod that is refused: the API server’s words alone', async (t) => {
  const said =
    'Error from server: error when creating "STDIN": admission webhook "w" denied the request: no barrier';
  const { cluster } = standIn(t, `echo '${said}' >&2; exit 1`);
  const error = await cluster
    .create(jobPod(recordedJob, recordedRunner, 'f70d02nm'))
    .catch((e: unknown) => e);
  assert.ok(error instanceof Refused);
  assert.equal(error.message, 'admission webhook "w" denied the request: no barrier');
  assert.equal(
    refusal(
      'Error from server (Forbidden): error when creating "STDIN": pods "x" is forbidden: no',
    ),
    'pods "x" is forbidden: no',
  );
});

test('the status of a pod, of one that is being deleted, and of none', async (t) => {
  const pod = {
    metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
    status: {
      phase: 'Pending',
      conditions: [{ reason: 'A', message: 'b' }],
      initContainerStatuses: [{ name: 'i', state: { waiting: { reason: 'ErrImagePull' } } }],
      containerStatuses: [{ name: 'c' }],
    },
  };
  const { cluster, call } = standIn(t, `echo '${JSON.stringify(pod)}'`);
  const status = await cluster.status(place);
  assert.deepEqual(call().args, [
    'get',
    '--namespace',
    'ci',
    'pod',
    'p-1',
    '--ignore-not-found',
    '--output',
    'json',
  ]);
  assert.equal(status?.deleting, true);
  assert.deepEqual(
    status?.containers.map(({ name }) => name),
    ['i', 'c'],
  );
  assert.equal(await standIn(t, 'exit 0').cluster.status(place), null);
  assert.deepEqual(readStatus('{}'), {
    phase: '',
    deleting: false,
    conditions: [],
    containers: [],
  });
});

test('exec gives arguments as they are, and input only where there is some', async (t) => {
  const { cluster, call } = standIn(t, 'echo out');
  assert.equal(await cluster.exec(place, 'helper', ['sh', '-c', 'a "b" $c'], 'in'), 'out\n');
  const args = ['exec', '--namespace', 'ci', 'p-1', '--container', 'helper', '--stdin', '--'];
  assert.deepEqual(call(), { args: [...args, 'sh', '-c', 'a "b" $c'], input: 'in' });
  const quiet = standIn(t, 'exit 0');
  await quiet.cluster.exec(place, 'build', ['true']);
  assert.ok(!quiet.call().args.includes('--stdin'));
});

test('a command that fails is lost, with what was said', async (t) => {
  const { cluster } = standIn(t, 'echo "container not found" >&2; exit 1');
  await assert.rejects(cluster.exec(place, 'helper', ['true']), (error) => {
    return error instanceof Lost && error.message === 'container not found';
  });
});

test('typing goes on until it is ended', async (t) => {
  const { cluster, call } = standIn(t, 'exec sleep 60');
  const typing = cluster.type(place, 'build', 'echo hello\n');
  for (let step = 0; call().input === '' && step < 500; step++) await sleep(20);
  assert.equal(typing.lost(), null);
  await typing.end();
  assert.deepEqual(call(), {
    args: ['attach', '--namespace', 'ci', 'p-1', '--container', 'build', '--stdin'],
    input: 'echo hello\n',
  });
});

test('typing that fails is known', async (t) => {
  const { cluster } = standIn(t, 'echo "pod not found" >&2; exit 1');
  const typing = cluster.type(place, 'build', 'x');
  for (let step = 0; typing.lost() === null && step < 500; step++) await sleep(20);
  assert.equal(typing.lost()?.message, 'pod not found');
  await typing.end();
});

test('warnings and removal', async (t) => {
  const events = { items: [{ message: 'one' }, { message: 'two' }] };
  const { cluster } = standIn(t, `echo '${JSON.stringify(events)}'`);
  assert.deepEqual(await cluster.warnings(place), ['one', 'two']);
  const { cluster: other, call } = standIn(t, 'exit 0');
  await other.delete(place);
  assert.deepEqual(call().args, [
    'delete',
    '--namespace',
    'ci',
    'pod',
    'p-1',
    '--ignore-not-found',
    '--wait=false',
  ]);
});

test('no kubectl at all is an error', async () => {
  const cluster = kubectlCluster({ program: '/nonexistent/kubectl', environment: {} });
  await assert.rejects(cluster.status(place), /ENOENT/);
  const typing = cluster.type(place, 'build', 'x');
  await typing.end();
  assert.match(typing.lost()?.message ?? '', /ENOENT/);
});
