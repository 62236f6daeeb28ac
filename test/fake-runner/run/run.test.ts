/** Jobs from end to end, in sandboxes in place of a cluster: what is done, and the log's words. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { golden, skip as unrecorded } from '../golden.ts';
import type { Job, Runner } from '../job.ts';
import { recordedJob, recordedRunner } from '../pod/testing.ts';
import { runJob } from './run.ts';
import { createTestWorld, type Script, status } from './testing.ts';

const NAME = 'runner-abcdefghi-project-42-concurrent-0-f70d02nm';

async function run(
  t: TestContext,
  script: Script = {},
  job: Partial<Job> = {},
  runner: Partial<Runner> = {},
) {
  const world = createTestWorld(t, script);
  const ended = await runJob({ ...recordedJob, ...job }, { ...recordedRunner, ...runner }, world);
  return { ...ended, world, log: world.log() };
}

const unready = (type: string) => ({
  type,
  reason: 'ContainersNotReady',
  message: 'containers with unready status: [build helper db]',
});
const starting = [
  status('Pending'),
  status('Pending', { conditions: [{}, unready('Ready'), unready('ContainersReady')] }),
  status('Running'),
];

/** What differs from run to run: the pod's name, its host name, what two commands of the script print. */
function masked(log: string): string[] {
  const lines = log
    .replaceAll(/(concurrent-0-)[a-z0-9]{8}/g, '$1xxxxxxxx')
    .replaceAll('testing-pod', 'runner-abcdefghi-project-42-concurrent-0-xxxxxxxx')
    .trimEnd()
    .split('\n');
  return lines.map((line, index) =>
    /\$ (id|cat )/.test(lines[index - 1] ?? '') ? '(output)' : line,
  );
}

test('a job that runs is told as in the recording', { skip: unrecorded }, async (t) => {
  const { log, result } = await run(t, { seen: starting });
  assert.equal(result, 'success', log);
  assert.deepEqual(masked(log), masked(golden('gitlab-runner-17.9-log-barrier-passes.txt')));
});

test('a barrier that fails is told as in the recording', { skip: unrecorded }, async (t) => {
  const { log, result } = await run(t, { seen: [status('Pending'), status('Failed')] });
  assert.equal(result, 'system-failure');
  assert.deepEqual(masked(log), masked(golden('gitlab-runner-17.9-log-barrier-fails.txt')));
});

test('a job that runs: its sections in order, its output, its pod is made and deleted', async (t) => {
  const { log, result, world } = await run(
    t,
    { seen: starting },
    { script: ['echo "one $CI_X"', 'echo two'] },
  );
  assert.equal(result, 'success', log);
  const sections = [...log.matchAll(/section_(start|end):0:(\w+)/g)].map(
    ([, kind, name]) => `${kind} ${name}`,
  );
  assert.deepEqual(
    sections,
    [
      'prepare_executor',
      'prepare_script',
      'get_sources',
      'step_script',
      'cleanup_file_variables',
    ].flatMap((name) => [`start ${name}`, `end ${name}`]),
  );
  assert.ok(log.includes('\x1b[32;1m$ echo two\x1b[0;m\ntwo\n'), log);
  assert.ok(log.endsWith('\x1b[32;1mJob succeeded\x1b[0;m\n'), log);
  assert.equal(
    log.match(/Waiting for pod gitlab-runner\/\S+ to be running, status is Pending\n/g)?.length,
    2,
  );
  assert.equal(world.pods[0]?.metadata.name, NAME);
  assert.deepEqual(world.deleted, [NAME]);
  assert.deepEqual(world.slept.slice(0, 2), [3, 3], 'as often as the real one');
});

test('a script that fails: the rest of it is not run, its status is told, the pod is deleted', async (t) => {
  const { log, result, world } = await run(
    t,
    {},
    { script: ['echo before', 'sh -c "exit 7"', 'echo after'] },
  );
  assert.equal(result, 'script-failure');
  assert.match(log, /\nbefore\n/);
  assert.doesNotMatch(log, /\nafter\n/);
  assert.match(log, /ERROR: Job failed: command terminated with exit code 7\n/);
  assert.match(log, /section_start:0:cleanup_file_variables/);
  assert.deepEqual(world.deleted, [NAME]);
});

test('secret variables are in the script’s environment and not in the pod', async (t) => {
  const secret = { key: 'NPM_TOKEN', value: "it's $HOME", public: false };
  const variables = [...recordedJob.variables, secret];
  const { log, world } = await run(t, {}, { variables, script: ['echo "<$NPM_TOKEN>"'] });
  assert.ok(log.includes("\n<it's $HOME>\n"), log);
  assert.doesNotMatch(JSON.stringify(world.pods), /NPM_TOKEN/);
});

test('a script that prints a line like the one that ends it, for another script, goes on', async (t) => {
  const forged = JSON.stringify({ command_exit_code: 0, script: '/scripts-42-101/other' });
  const { log, result } = await run(
    t,
    {},
    { script: [`echo '${forged}'`, 'echo still here', 'exit 3'] },
  );
  assert.equal(result, 'script-failure');
  assert.match(log, /\nstill here\n/);
});

const prefix =
  /ERROR: Job failed \(system failure\): prepare environment: (.*)\. Check https:\S+ for more information/;
const ends: readonly (readonly [what: string, script: Script, reason: string])[] = [
  [
    'admission refuses the pod',
    {
      refused:
        'admission webhook "pods.torwacht.io" denied the request: the first init container must be the barrier',
    },
    'setting up build pod: admission webhook "pods.torwacht.io" denied the request: the first init container must be the barrier',
  ],
  ['the pod fails', { seen: [status('Failed')] }, 'waiting for pod running: pod status is failed'],
  [
    'the pod never runs',
    { seen: [status('Pending')] },
    'waiting for pod running: timed out waiting for pod to start',
  ],
  [
    'the pod is deleted while it starts',
    { seen: [status('Pending'), null] },
    `pod "gitlab-runner/${NAME}" is deleted`,
  ],
  [
    'an image cannot be had',
    {
      seen: [
        status('Pending', {
          containers: [
            {
              name: 'torwacht-barrier',
              state: { waiting: { reason: 'ErrImagePull', message: 'not found' } },
            },
          ],
        }),
      ],
    },
    'waiting for pod running: image pull failed: not found',
  ],
];
for (const [what, script, reason] of ends) {
  test(`${what}: a system failure, in the real runner’s words`, async (t) => {
    const { log, result, world } = await run(t, script, {}, { pollTimeout: 30 });
    assert.equal(result, 'system-failure');
    assert.equal(prefix.exec(log)?.[1], reason, log);
    assert.equal(world.deleted.length, script.refused === undefined ? 1 : 0);
    assert.ok(world.slept.length <= 10);
  });
}

test('the pod is deleted while the script runs', async (t) => {
  const { log, result } = await run(t, { gone: 5 }, { script: ['echo x'] });
  assert.equal(result, 'system-failure');
  assert.match(log, /\(system failure\): pod "gitlab-runner\/\S+" is deleted/);
});

test('warning events of the pod are told when it fails', async (t) => {
  const { log } = await run(t, {
    seen: [status('Failed')],
    warnings: ['egress: no agent on node1'],
  });
  assert.match(log, /WARNING: Event retrieved from the cluster: egress: no agent on node1/);
});

test('the pod can be kept', async (t) => {
  const world = { ...createTestWorld(t), keep: true };
  await runJob({ ...recordedJob, script: ['true'] }, recordedRunner, world);
  assert.deepEqual(world.deleted, []);
});

test('what is not imitated is refused before anything is made', async (t) => {
  const world = createTestWorld(t);
  const legacy = {
    key: 'FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY',
    value: 'true',
    public: true,
  };
  for (const variables of [[], [...recordedJob.variables, legacy]]) {
    await assert.rejects(
      runJob({ ...recordedJob, variables }, recordedRunner, world),
      /fake runner/,
    );
  }
  assert.deepEqual(world.pods, []);
});
