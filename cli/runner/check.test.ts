/** Each setting that trust or enforcement depends on, changed in a good configuration, is found. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse as parseToml, stringify as stringifyToml } from 'smol-toml';
import { stringify } from 'yaml';
import { runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import type { Finding } from '../findings.ts';
import { torwacht } from '../testing.ts';
import { configText } from './config-text.ts';
import type { Kubernetes, Runner } from './read.ts';
import { settingsOf } from './settings.ts';

const bindingWith = (spec: object) => ({
  apiVersion,
  kind: 'RunnerBinding',
  metadata: { name: 'runners', namespace: 'ci' },
  spec: {
    gitlab: { url: 'https://gitlab.example.com', extraHosts: [{ host: 'clone.example.com' }] },
    runners: [{ serviceAccount: 'gitlab-runner' }],
    barrier: { images: ['r.test/b:1', 'r.test/b:2'], args: ['--deadline', '100s'] },
    ...spec,
  },
});
const plain = bindingWith({});
const good = configText(settingsOf(runnerBindingSchema.parse(plain), {}), 'config');

type Change = (runner: Runner, kubernetes: Kubernetes, patch: string) => void;

function changed(change: Change): string {
  const config = parseToml(good) as { runners: Runner[] };
  const [runner] = config.runners;
  const patch = runner?.kubernetes?.pod_spec?.[0]?.patch ?? '';
  change(runner as Runner, runner?.kubernetes as Kubernetes, patch);
  return stringifyToml(config);
}

async function check(t: TestContext, text: string, binding: object | null, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'config.toml'), text);
  writeFileSync(join(folder, 'gate.yaml'), OWN);
  writeFileSync(join(folder, 'binding.yaml'), stringify(binding));
  const under = binding === null ? [] : ['--binding', join(folder, 'binding.yaml')];
  const ran = await torwacht(
    ...['runner', 'check', join(folder, 'config.toml'), '--json', ...under, ...args],
  );
  const groups: { findings: Finding[] }[] = ran.stdout === '' ? [] : JSON.parse(ran.stdout).groups;
  const findings = groups.flatMap((group) => group.findings);
  const found = findings
    .filter(({ level }) => level !== 'pass')
    .map(({ level, check: what }) => `${level} ${what}`);
  return { ...ran, findings, found };
}

const own = '{name: own, securityContext: {capabilities: {drop: [ALL]}}}';
const OWN = `initContainers: [${own}]`;

const FLAG = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';
/** No patch is applied then. */
const unpatched = ['fail TW_ADMIT_BARRIER_MISSING', 'fail TW_ADMIT_SECCOMP'];
const strategic = (patch: string) => ({ name: 'own', patch_type: 'strategic', patch });

const mutations: Readonly<Record<string, readonly [Change, ...string[]]>> = {
  'another executor': [(runner) => (runner.executor = 'docker'), 'fail executor'],
  'the flag taken out': [
    (runner) => delete runner.feature_flags?.[FLAG],
    `fail feature_flags.${FLAG}`,
    ...unpatched,
  ],
  'the flag off': [
    (runner) => (runner.feature_flags = { [FLAG]: false }),
    `fail feature_flags.${FLAG}`,
    ...unpatched,
  ],
  'the flag in environment alone': [
    (runner) => {
      delete runner.feature_flags;
      runner.environment = [`${FLAG}=true`];
    },
    `fail feature_flags.${FLAG}`,
    ...unpatched,
  ],
  'the flag in environment as well': [
    (runner) => (runner.environment = [`${FLAG}=true`]),
    'warn environment',
  ],
  'no patch': [(_, kubernetes) => delete kubernetes.pod_spec, ...unpatched],
  'a patch that is no YAML': [
    (_, kubernetes) => (kubernetes.pod_spec = [{ patch: '{', patch_type: 'strategic' }]),
    'fail kubernetes.pod_spec',
    ...unpatched,
  ],
  'a patch of an unknown type': [
    (_, { pod_spec: specs = [] }) => ((specs[0] ?? {}).patch_type = 'stratetic'),
    'fail kubernetes.pod_spec',
    ...unpatched,
  ],
  'a patch file that is not there': [
    (_, kubernetes) => (kubernetes.pod_spec = [{ patch_path: 'nowhere.yaml' }]),
    'fail kubernetes.pod_spec',
    ...unpatched,
  ],
  'a later patch with a container of its own': [
    (_, kubernetes) => kubernetes.pod_spec?.push(strategic(OWN)),
    'fail TW_ADMIT_BARRIER_NOT_FIRST',
  ],
  'the same from a file': [
    (_, kubernetes) => kubernetes.pod_spec?.push({ patch_path: 'gate.yaml' }),
    'fail TW_ADMIT_BARRIER_NOT_FIRST',
  ],
  'an earlier patch with a container of its own': [
    (_, kubernetes) => kubernetes.pod_spec?.unshift(strategic(OWN)),
  ],
  'a merge patch, which replaces lists': [
    (_, kubernetes) =>
      kubernetes.pod_spec?.push({
        ...strategic(OWN),
        patch_type: 'merge',
      }),
    'fail TW_ADMIT_BARRIER_MISSING',
  ],
  'a json patch': [
    (_, kubernetes) =>
      kubernetes.pod_spec?.unshift({
        patch: `[{op: add, path: /initContainers/0, value: ${own}}]`,
        patch_type: 'json',
      }),
    'warn kubernetes.pod_spec',
  ],
  'a patch that is no pod': [
    (_, kubernetes) => kubernetes.pod_spec?.push(strategic('containers: [{name: 1}]')),
    'fail kubernetes.pod_spec',
  ],
  'another image': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace('r.test/b:1', 'r.test/b:3'))),
    'fail TW_ADMIT_BARRIER_IMAGE',
  ],
  'another image that the binding has too': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace('r.test/b:1', 'r.test/b:2'))),
  ],
  'another deadline': [
    (_, { pod_spec: specs = [] }, patch) => (specs[0] = strategic(patch.replace('100s', '1ms'))),
    'fail TW_ADMIT_BARRIER_COMMAND',
  ],
  'a variable': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace('    args:', '    env: [{name: A}]\n    args:'))),
    'fail TW_ADMIT_BARRIER_ENV',
  ],
  'a barrier that is root': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace('runAsNonRoot: true', 'runAsNonRoot: false'))),
    'fail TW_ADMIT_BARRIER_SECURITY',
  ],
  'a barrier that is a sidecar': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace('    args:', '    restartPolicy: Always\n    args:'))),
    'fail TW_ADMIT_BARRIER_FIELDS',
  ],
  'a pod without a profile': [
    (_, { pod_spec: specs = [] }, patch) =>
      (specs[0] = strategic(patch.replace(/^securityContext:\n(.*\n){2}/, ''))),
    'fail TW_ADMIT_SECCOMP',
  ],
  "a patch with the node's network": [
    (_, kubernetes) => kubernetes.pod_spec?.push(strategic('hostNetwork: true')),
    'fail TW_ADMIT_HOST_NETWORK',
  ],
  privileged: [(_, kubernetes) => (kubernetes.privileged = true), 'fail TW_ADMIT_PRIVILEGED'],
  'privileged services': [
    (_, kubernetes) => (kubernetes.service_container_security_context = { privileged: true }),
    'fail TW_ADMIT_PRIVILEGED',
  ],
  'an unmasked /proc': [
    (_, kubernetes) => (kubernetes.build_container_security_context = { proc_mount: 'unmasked' }),
    'fail TW_ADMIT_PRIVILEGED',
  ],
  'a capability': [
    (_, kubernetes) => (kubernetes.cap_add = ['NET_ADMIN']),
    'fail TW_ADMIT_CAPABILITY',
  ],
  'a capability of the helper': [
    (_, kubernetes) =>
      (kubernetes.helper_container_security_context = { capabilities: { add: ['SYS_ADMIN'] } }),
    'fail TW_ADMIT_CAPABILITY',
  ],
  'a container that drops something else, and so keeps raw sockets': [
    (_, kubernetes) =>
      (kubernetes.build_container_security_context = { capabilities: { drop: ['MKNOD'] } }),
    'fail TW_ADMIT_NET_RAW',
  ],
  'a container that drops everything': [
    (_, kubernetes) =>
      (kubernetes.build_container_security_context = { capabilities: { drop: ['ALL'] } }),
  ],
  'a timeout of 0, which is the default': [(_, kubernetes) => (kubernetes.poll_timeout = 0)],
  'raw sockets': [
    (_, kubernetes) => {
      kubernetes.cap_add = ['NET_RAW'];
      kubernetes.cap_drop = [];
    },
    'fail TW_ADMIT_CAPABILITY',
    'fail TW_ADMIT_NET_RAW',
  ],
  'a folder of the node': [
    (_, kubernetes) =>
      (kubernetes.volumes = { host_path: [{ name: 'd', mount_path: '/var/run/docker.sock' }] }),
    'fail TW_ADMIT_HOST_PATH',
  ],
  'a share of the network': [
    (_, kubernetes) => (kubernetes.volumes = { csi: [{ name: 'n', driver: 'nfs.csi.k8s.io' }] }),
    'fail TW_ADMIT_VOLUME',
  ],
  'a runtime class': [
    (_, kubernetes) => (kubernetes.runtime_class_name = 'kata'),
    'fail TW_ADMIT_RUNTIME_CLASS',
  ],
  'a hook that the node sends': [
    (_, kubernetes) =>
      (kubernetes.container_lifecycle = { post_start: { http_get: { host: '203.0.113.1' } } }),
    'fail TW_ADMIT_NODE_REQUESTS',
  ],
  'other credentials': [
    (_, kubernetes) => (kubernetes.host = 'https://10.0.0.1'),
    'warn kubernetes.host',
  ],
  'no namespace': [(_, kubernetes) => delete kubernetes.namespace, 'fail kubernetes.namespace'],
  'another namespace': [
    (_, kubernetes) => (kubernetes.namespace = 'else'),
    'fail kubernetes.namespace',
  ],
  'a namespace for each job': [
    (_, kubernetes) => (kubernetes.namespace_per_job = true),
    'fail kubernetes.namespace_per_job',
  ],
  'a runner that gives up first': [
    (_, kubernetes) => (kubernetes.poll_timeout = 100),
    'fail kubernetes.poll_timeout',
  ],
  'a runner that hardly waits longer': [
    (_, kubernetes) => (kubernetes.poll_timeout = 120),
    'warn kubernetes.poll_timeout',
  ],
  'another instance': [(runner) => (runner.url = 'https://gitlab.com'), 'fail url'],
  'sources from elsewhere': [
    (runner) => (runner.clone_url = 'https://gitlab.com'),
    'fail clone_url',
  ],
  'sources from a host of the binding': [
    (runner) => (runner.clone_url = 'https://clone.example.com'),
  ],
  'jobs choose their namespace': [
    (_, kubernetes) => (kubernetes.namespace_overwrite_allowed = 'ci-.*'),
    'fail kubernetes.namespace_overwrite_allowed',
  ],
  'jobs choose their service account': [
    (_, kubernetes) => (kubernetes.service_account_overwrite_allowed = '.*'),
    'warn kubernetes.service_account_overwrite_allowed',
  ],
  'jobs choose in whose name': [
    (_, kubernetes) => (kubernetes.bearer_token_overwrite_allowed = true),
    'fail kubernetes.bearer_token_overwrite_allowed',
  ],
  'jobs choose labels': [
    (_, kubernetes) => (kubernetes.pod_labels_overwrite_allowed = '.*'),
    'warn kubernetes.pod_labels_overwrite_allowed',
  ],
  'jobs choose annotations': [
    (_, kubernetes) => (kubernetes.pod_annotations_overwrite_allowed = '.*'),
    'warn kubernetes.pod_annotations_overwrite_allowed',
  ],
  'jobs choose their node': [
    (_, kubernetes) => (kubernetes.node_selector_overwrite_allowed = '.*'),
    'warn kubernetes.node_selector_overwrite_allowed',
  ],
  'jobs choose what they tolerate': [
    (_, kubernetes) => (kubernetes.node_tolerations_overwrite_allowed = '.*'),
    'warn kubernetes.node_tolerations_overwrite_allowed',
  ],
  'annotations in the name of the runner': [
    (_, kubernetes) => (kubernetes.pod_annotations = { 'job.runner.gitlab.com/name': '$X' }),
    'fail kubernetes.pod_annotations',
  ],
  'labels in the name of the runner': [
    (_, kubernetes) => (kubernetes.pod_labels = { 'project.runner.gitlab.com/id': '1' }),
    'warn kubernetes.pod_labels',
  ],
};

test('what runner config prints has no fault', async (t) => {
  const { status, found, findings } = await check(t, good, plain);
  assert.deepEqual(found, []);
  assert.equal(status, 0);
  assert.ok(findings.length > 12);
});

test('each setting, changed, is found, and nothing else is', async (t) => {
  for (const [what, [change, ...expected]] of Object.entries(mutations)) {
    const { status, found, findings, stderr } = await check(t, changed(change), plain);
    assert.deepEqual(found, expected, `${what}: ${stderr}`);
    assert.equal(status, expected.some((line) => line.startsWith('fail')) ? 1 : 0, what);
    for (const { level, hint } of findings) assert.equal(hint === '', level === 'pass', what);
  }
});

test('how bad it is that jobs choose is for the binding to say', async (t) => {
  const labels = changed((_, kubernetes) => (kubernetes.pod_labels_overwrite_allowed = '.*'));
  const selecting = bindingWith({ selector: { podLabels: { team: 'shop' } } });
  assert.deepEqual((await check(t, labels, selecting)).found, [
    'fail TW_ADMIT_NOT_SELECTED',
    'fail kubernetes.pod_labels_overwrite_allowed',
  ]);
  const said = changed((_, kubernetes) => (kubernetes.pod_annotations_overwrite_allowed = '.*'));
  const trusting = bindingWith({ trust: { annotations: true } });
  assert.deepEqual((await check(t, said, trusting)).found, [
    'fail kubernetes.pod_annotations_overwrite_allowed',
  ]);
});

test('a binding that lets more through, and one that says too little', async (t) => {
  const builds = changed((_, kubernetes) => (kubernetes.privileged = true));
  const excepting = bindingWith({
    guard: { exceptions: [{ allow: 'Privileged', reason: 'builds images' }] },
  });
  assert.deepEqual((await check(t, builds, excepting)).found, []);
  const some = bindingWith({
    guard: { exceptions: [{ allow: 'Privileged', reason: 'builds images', projects: ['42'] }] },
  });
  assert.deepEqual((await check(t, builds, some)).found, ['warn TW_ADMIT_PRIVILEGED']);
  const unpinned = changed((runner, kubernetes) => {
    delete runner.feature_flags;
    delete kubernetes.pod_spec;
  });
  assert.deepEqual((await check(t, unpinned, bindingWith({ inject: true }))).found, []);
  const nobody = bindingWith({ runners: [], gitlab: undefined });
  assert.deepEqual((await check(t, good, nobody)).found, ['warn url', 'fail binding.runners']);
});

test('without a binding, all but what only a binding can say is judged', async (t) => {
  assert.deepEqual((await check(t, good, null)).found, ['warn binding']);
  const root = changed((_, { pod_spec: specs = [] }, patch) => {
    specs[0] = strategic(patch.replace('runAsNonRoot: true', 'runAsNonRoot: false'));
  });
  const { found, status } = await check(t, root, null);
  assert.deepEqual(found, ['warn binding', 'fail TW_ADMIT_BARRIER_SECURITY']);
  assert.equal(status, 1);
  const odd = changed((_, { pod_spec: specs = [] }, patch) => {
    specs[0] = strategic(patch.replace('r.test/b:1', '" "'));
  });
  assert.deepEqual((await check(t, odd, null)).found, [
    ...['warn binding', 'fail TW_ADMIT_BARRIER_IMAGE', 'fail TW_ADMIT_BARRIER_COMMAND'],
  ]);
});

test('values of the chart and objects of the operator are read as well', async (t) => {
  const settings = settingsOf(runnerBindingSchema.parse(plain), {});
  for (const form of ['helm', 'operator'] as const) {
    const { found, stderr } = await check(t, configText(settings, form), plain);
    assert.deepEqual(found, [], stderr);
  }
  // As `helm get values` prints them.
  const printed = `USER-SUPPLIED VALUES:\n${configText(settings, 'helm').replaceAll(/^#.*\n/gm, '')}`;
  assert.deepEqual((await check(t, printed, plain)).found, []);
  const template = '[[runners]]\n[runners.kubernetes]\nnamespace = "{{ .Release.Namespace }}"\n';
  const { found } = await check(t, stringify({ runners: { config: template } }), plain);
  assert.deepEqual(found, [
    `fail feature_flags.${FLAG}`,
    ...unpatched,
    'warn kubernetes.namespace',
  ]);
});

test('runners are told apart, and can be looked at alone', async (t) => {
  const two = `${good}\n[[runners]]\nname = "shell"\nexecutor = "shell"\n`;
  assert.deepEqual((await check(t, two, plain)).found, ['fail executor']);
  const named = two.replace('[[runners]]', '[[runners]]\nname = "k8s"');
  assert.deepEqual((await check(t, named, plain, '--runner', 'k8s')).found, []);
  const { status, stderr } = await check(t, named, plain, '--runner', 'x');
  assert.equal(status, 2);
  assert.match(stderr, /It has: k8s, shell\./);
});

test('what is no configuration says where', async (t) => {
  const said = async (text: string) => {
    const { status, stderr } = await check(t, text, null);
    assert.equal(status, 3, stderr);
    return stderr;
  };
  assert.match(await said('[[runners]]\nname = \n'), /line 2, column/);
  assert.match(await said('concurrent = 1\n'), /runners: /);
  assert.match(
    await said('[[runners]]\n[runners.feature_flags]\nX = "true"\n'),
    /runners\[0\]\.feature_flags\.X: /,
  );
  assert.match(await said('a: 1\n'), /neither runners\.config/);
  const { status, stderr } = await torwacht('runner', 'check', '/nonexistent');
  assert.equal(status, 2);
  assert.match(stderr, /TW_RUNNER_UNREADABLE/);
});
