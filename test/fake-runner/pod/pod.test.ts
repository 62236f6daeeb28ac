/**
 * What is known of the real runner's pods, fact by fact, so that it is held where the recording is not at
 * hand. The facts are those of GitLab Runner 17.9's source and of a pod that it made.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Runner } from '../job.ts';
import { jobPod, type Pod } from './pod.ts';
import { recordedJob, recordedRunner } from './testing.ts';

const made = (job: Partial<Job> = {}, runner: Partial<Runner> = {}): Pod =>
  jobPod({ ...recordedJob, ...job }, { ...recordedRunner, ...runner }, 'f70d02nm');

const set = (...pairs: [string, string][]) => ({
  variables: [
    ...recordedJob.variables,
    ...pairs.map(([key, value]) => ({ key, value, public: true })),
  ],
});

const initNames = (pod: Pod) => pod.spec.initContainers?.map(({ name }) => name);

/** Path and value of each fact. */
const facts: Readonly<Record<string, unknown>> = {
  'metadata.name': 'runner-abcdefghi-project-42-concurrent-0-f70d02nm',
  'metadata.namespace': 'gitlab-runner',
  'metadata.labels': {
    pod: 'runner-abcdefghi-project-42-concurrent-0',
    'job.runner.gitlab.com/pod': 'runner-abcdefghi-project-42-concurrent-0',
    'manager.runner.gitlab.com/id-short': 'abcdefghi',
    'manager.runner.gitlab.com/name': 'held-out',
    'project.runner.gitlab.com/id': '42',
    'project.runner.gitlab.com/name': 'demo',
    'project.runner.gitlab.com/namespace': 'grp',
    'project.runner.gitlab.com/namespace-id': '',
    'project.runner.gitlab.com/root-namespace': '',
  },
  'metadata.annotations': {
    'job.runner.gitlab.com/before_sha': '0'.repeat(40),
    'job.runner.gitlab.com/id': '101',
    'job.runner.gitlab.com/name': 'install',
    'job.runner.gitlab.com/ref': 'main',
    'job.runner.gitlab.com/sha': `${'0'.repeat(39)}1`,
    'job.runner.gitlab.com/url': 'http://127.0.0.1:8929/grp/demo/-/jobs/101',
    'project.runner.gitlab.com/id': '42',
  },
  'spec.activeDeadlineSeconds': 601,
  'spec.restartPolicy': 'Never',
  'spec.affinity': {},
  'spec.securityContext': {},
  'spec.hostAliases': [{ ip: '127.0.0.1', hostnames: ['localhost-runner-helper', 'db'] }],
  'spec.volumes': ['repo', 'scripts', 'logs'].map((name) => ({ name, emptyDir: {} })),
  'spec.containers.0.name': 'build',
  'spec.containers.1.name': 'helper',
  'spec.containers.2.name': 'db',
  'spec.containers.length': 3,
  'spec.containers.1.env': undefined,
  'spec.containers.2.args': ['sleep', '60'],
  'spec.containers.2.command': undefined,
  'spec.initContainers.0.name': 'torwacht-barrier',
  'spec.initContainers.0.securityContext.runAsUser': 65532,
  'spec.initContainers.1.name': 'init-permissions',
  'spec.initContainers.1.command.2':
    'touch /logs-42-101/output.log && (chmod 777 /logs-42-101/output.log || exit 0)',
  'spec.initContainers.1.stdin': undefined,
  'spec.initContainers.length': 2,
};

for (const [path, want] of Object.entries(facts)) {
  test(path, () => {
    const got = path
      .split('.')
      .reduce(
        (value: unknown, key) => (value as Record<string, unknown> | undefined)?.[key],
        made(),
      );
    assert.deepEqual(got, want);
  });
}

test('every container of the runner’s own has the same rights, volumes and image policy', () => {
  const own = [...made().spec.containers, ...(made().spec.initContainers ?? []).slice(1)];
  for (const container of own) {
    assert.deepEqual(container.securityContext, { capabilities: { drop: ['NET_RAW'] } });
    assert.equal(container.imagePullPolicy, 'Never');
    assert.deepEqual(
      container.volumeMounts.map(({ name, mountPath }) => `${name} ${mountPath}`),
      ['scripts /scripts-42-101', 'logs /logs-42-101', 'repo /builds'],
    );
  }
  assert.ok(own.slice(0, 3).every(({ stdin }) => stdin === true));
});

test('build and helper run the first shell that there is, on their standard input', () => {
  const [build, helper] = made().spec.containers;
  assert.deepEqual(build?.command, helper?.command);
  assert.deepEqual(build?.command?.slice(0, 2), ['sh', '-c']);
  const shells = [
    ...(build?.command?.[2] ?? '').matchAll(/\[ -x (\S+) \]; then\n\texec (\S+) \n/g),
  ];
  assert.equal(shells.length, 7);
  for (const [, tried, run] of shells) assert.equal(tried, run);
});

test('build and services have the environment: flags, the runner’s, the job’s, the runner’s again', () => {
  const [build, , db] = made().spec.containers;
  const env = build?.env ?? [];
  assert.deepEqual(db?.env, env);
  const names = env.map(({ name }) => name);
  assert.equal(names.filter((name) => name.startsWith('FF_')).length, 42);
  assert.deepEqual(names.slice(42), [
    ...['CI_JOB_IMAGE', 'CI_RUNNER_SHORT_TOKEN', 'CI_BUILDS_DIR', 'CI_PROJECT_DIR'],
    ...['CI_CONCURRENT_ID', 'CI_CONCURRENT_PROJECT_ID', 'CI_SERVER', 'CI_JOB_STATUS'],
    ...['CI_JOB_TIMEOUT', 'GIT_STRATEGY', 'CI_JOB_ID', 'CI_PROJECT_PATH', 'CI_PROJECT_NAMESPACE'],
    ...['CI_DISPOSABLE_ENVIRONMENT', 'CI_RUNNER_VERSION', 'CI_RUNNER_REVISION'],
    ...['CI_RUNNER_EXECUTABLE_ARCH', 'RUNNER_TEMP_PROJECT_DIR'],
  ]);
  const value = (name: string) => env.find((one) => one.name === name)?.value;
  assert.equal(value('CI_PROJECT_DIR'), '/builds/grp/demo');
  assert.equal(value('RUNNER_TEMP_PROJECT_DIR'), '/builds/grp/demo.tmp');
  assert.equal(value('CI_JOB_TIMEOUT'), '600');
  // On by the configuration, and the job is told the default all the same.
  assert.equal(value('FF_USE_ADVANCED_POD_SPEC_CONFIGURATION'), 'false');
});

test('only public variables are in the pod', () => {
  const secret = { key: 'NPM_TOKEN', value: 'not-a-real-token', public: false };
  const pod = made({ variables: [...recordedJob.variables, secret] });
  assert.doesNotMatch(JSON.stringify(pod), /NPM_TOKEN|not-a-real-token/);
});

test('variables that a job sets reach labels of its namespace, and no label or annotation of its project', () => {
  const pod = made(
    set(
      ['CI_PROJECT_NAMESPACE', 'other/group'],
      ['CI_PROJECT_ROOT_NAMESPACE', 'other'],
      ['CI_PROJECT_ID', '1'],
      ['CI_PROJECT_NAME', 'other'],
      ['CI_JOB_URL', 'http://other.example/'],
    ),
  );
  const { labels, annotations } = pod.metadata;
  assert.equal(labels['project.runner.gitlab.com/namespace'], 'other_group');
  assert.equal(labels['project.runner.gitlab.com/root-namespace'], 'other');
  assert.equal(labels['project.runner.gitlab.com/id'], '42');
  assert.equal(labels['project.runner.gitlab.com/name'], 'demo');
  assert.deepEqual(annotations, made().metadata.annotations);
});

test('configured labels are expanded by the job’s variables; reserved ones cannot be set', () => {
  const runner = { podLabels: { team: '$TEAM', 'project.runner.gitlab.com/id': '1' } };
  const { labels } = made(set(['TEAM', 'a b/c']), runner).metadata;
  assert.equal(labels.team, 'a_b_c');
  assert.equal(labels['project.runner.gitlab.com/id'], '42');
});

test('annotations of the job can be overwritten where the configuration lets it', () => {
  const variable = set(['KUBERNETES_POD_ANNOTATIONS_1', 'job.runner.gitlab.com/ref=v1']);
  assert.equal(made(variable).metadata.annotations['job.runner.gitlab.com/ref'], 'main');
  const overwriteAllowed = { ...recordedRunner.overwriteAllowed, podAnnotations: '.*' };
  const { annotations } = made(variable, { overwriteAllowed }).metadata;
  assert.equal(annotations['job.runner.gitlab.com/ref'], 'v1');
});

test('another namespace and service account, where the configuration lets it', () => {
  const variables = set(
    ['KUBERNETES_NAMESPACE_OVERWRITE', 'ci-other'],
    ['KUBERNETES_SERVICE_ACCOUNT_OVERWRITE', 'deployer'],
  );
  assert.equal(made(variables).metadata.namespace, 'gitlab-runner');
  const allow = { ...recordedRunner.overwriteAllowed, namespace: '^ci-', serviceAccount: '.*' };
  const pod = made(variables, { overwriteAllowed: allow });
  assert.equal(pod.metadata.namespace, 'ci-other');
  assert.equal(pod.spec.serviceAccountName, 'deployer');
  const other = set(['KUBERNETES_NAMESPACE_OVERWRITE', 'kube-system']);
  assert.throws(() => made(other, { overwriteAllowed: allow }), /does not match "\^ci-"/);
});

test('a job can switch the barrier off when the flag is not in [runners.feature_flags]', () => {
  const flag = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';
  assert.deepEqual(initNames(made({}, { featureFlags: {} })), ['init-permissions']);
  const on = made(set([flag, 'true']), { featureFlags: {} });
  assert.deepEqual(initNames(on), ['torwacht-barrier', 'init-permissions']);
  const off = made(set([flag, 'false']));
  assert.deepEqual(initNames(off), ['torwacht-barrier', 'init-permissions']);
});

test('the legacy strategy, which a job can choose, has no init container but the barrier', () => {
  const pod = made(set(['FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY', 'true']));
  assert.deepEqual(initNames(pod), ['torwacht-barrier']);
});

test('flags whose pods are not known are refused', () => {
  const variables = set(['FF_DISABLE_UMASK_FOR_KUBERNETES_EXECUTOR', '1']);
  assert.throws(() => made(variables), /FF_DISABLE_UMASK_FOR_KUBERNETES_EXECUTOR is on/);
});

test('service names are the author’s choice, where they can be names and are free', () => {
  const image = 'registry.example.com:5000/team/redis:7@sha256:0';
  const aliases = [undefined, 'cache', 'cache', 'build', 'Upper', 'one two'];
  const pod = made({
    services: aliases.map((alias) => (alias === undefined ? { image } : { image, alias })),
  });
  assert.deepEqual(
    pod.spec.containers.slice(2).map(({ name }) => name),
    ['svc-0', 'cache', 'svc-2', 'svc-3', 'svc-4', 'one'],
  );
});

test('labels hold 63 characters of what a label may be', () => {
  const { labels } = made({ projectName: `über/${'x'.repeat(80)}` }).metadata;
  assert.equal(labels['project.runner.gitlab.com/name'], `_ber_${'x'.repeat(58)}`);
});
