/** What `runner config` prints, given to the fake runner: pods that admission lets in, whatever the job says. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse as parseToml } from 'smol-toml';
import { parseAllDocuments, stringify } from 'yaml';
import { written } from '../../test/admission/table/bindings.ts';
import { type Runner as Configured, type Job, plainRunner } from '../../test/fake-runner/job.ts';
import { jobPod } from '../../test/fake-runner/pod/pod.ts';
import { recordedJob } from '../../test/fake-runner/pod/testing.ts';
import { torwacht } from '../testing.ts';
import type { Runner } from './read.ts';

function folder(t: TestContext): (name: string, content: unknown) => string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-runner-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return (name, content) => {
    const file = join(path, name);
    writeFileSync(file, typeof content === 'string' ? content : stringify(content));
    return file;
  };
}

const config = async (...args: string[]) => {
  const { status, stdout, stderr } = await torwacht('runner', 'config', ...args);
  assert.equal(status, 0, stderr);
  return stdout;
};

/** A config.toml as GitLab Runner has it, in the words of the fake one. */
function configured(toml: string): Configured {
  const { runners } = parseToml(toml) as unknown as { readonly runners: readonly Runner[] };
  const [{ kubernetes = {}, feature_flags: featureFlags = {} } = {}] = runners;
  return {
    ...plainRunner,
    namespace: kubernetes.namespace ?? '',
    helperImage: 'helper:1',
    featureFlags,
    podLabels: kubernetes.pod_labels ?? {},
    pollTimeout: kubernetes.poll_timeout ?? plainRunner.pollTimeout,
    overwriteAllowed: {
      namespace: kubernetes.namespace_overwrite_allowed ?? '',
      serviceAccount: kubernetes.service_account_overwrite_allowed ?? '',
      podLabels: kubernetes.pod_labels_overwrite_allowed ?? '',
      podAnnotations: kubernetes.pod_annotations_overwrite_allowed ?? '',
    },
    podSpecs: (kubernetes.pod_spec ?? []).map(({ name = '', patch = '', patch_type: type }) => ({
      name,
      patch,
      type: type as 'strategic',
    })),
  };
}

const saying = (variables: Readonly<Record<string, string>>): Job => ({
  ...recordedJob,
  variables: [
    ...recordedJob.variables,
    ...Object.entries(variables).map(([key, value]) => ({ key, value, public: true })),
  ],
});

const FLAG = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';
const jobs: Readonly<Record<string, Job>> = {
  plain: recordedJob,
  'switches the patch off': saying({ [FLAG]: 'false' }),
  'by the legacy strategy': saying({ FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY: 'true' }),
  'chooses where and as what it runs': saying({
    KUBERNETES_NAMESPACE_OVERWRITE: 'kube-system',
    KUBERNETES_SERVICE_ACCOUNT_OVERWRITE: 'admin',
    KUBERNETES_POD_LABELS_1: 'torwacht.io/exempt=true',
    KUBERNETES_POD_ANNOTATIONS_1: 'job.runner.gitlab.com/name=deploy',
  }),
  'calls a service like the barrier': {
    ...recordedJob,
    services: [{ image: 'redis:8', alias: 'torwacht-barrier' }],
  },
};
// A service of that name is a second container of the name, which no API server takes.
const refusedByKubernetes = 'calls a service like the barrier';

const forms = ['config', 'helm', 'operator'] as const;

/** What the chart and the operator give to the runner. */
function inner(text: string, form: (typeof forms)[number]): string {
  if (form === 'config') return text;
  const objects = parseAllDocuments(text).map((document) => document.toJS());
  return form === 'helm' ? objects[0].runners.config : objects[0].data['config.toml'];
}

for (const name of ['plain', 'some', 'open', 'words', 'labels'] as const) {
  test(`pods of the runner that ${name} is for are let in, whatever their job says`, async (t) => {
    const file = folder(t);
    const binding = file('binding.yaml', written(name));
    const texts = await Promise.all(
      forms.map(async (form) => inner(await config('--binding', binding, '--for', form), form)),
    );
    assert.equal(new Set(texts.map((text) => JSON.stringify(parseToml(text)))).size, 1);
    const runner = configured(texts[0] ?? '');
    assert.equal(runner.namespace, name);
    for (const [what, job] of Object.entries(jobs)) {
      const pod = jobPod(job, runner, 'x7k2p9qa');
      assert.equal(pod.metadata.namespace, name, what);
      assert.equal(pod.metadata.annotations['job.runner.gitlab.com/name'], recordedJob.name, what);
      const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(
        (container) => container.name,
      );
      const twice = new Set(names).size < names.length;
      assert.equal(twice, what === refusedByKubernetes && name !== 'words', what);
      const asked = await torwacht(
        ...['admission', 'test', '-f', file('pod.yaml', pod), '--binding', binding],
      );
      assert.equal(asked.status, 0, `${what}: ${asked.stdout}${asked.stderr}`);
    }
  });
}

test('the same settings where a job can switch them off: its pod is refused', async (t) => {
  const file = folder(t);
  const binding = file('binding.yaml', written('plain'));
  const runner = configured(await config('--binding', binding));
  const pod = jobPod(saying({ [FLAG]: 'false' }), { ...runner, featureFlags: {} }, 'x7k2p9qa');
  const asked = await torwacht(
    ...['admission', 'test', '-f', file('pod.yaml', pod), '--binding', binding],
  );
  assert.equal(asked.status, 1);
  assert.match(asked.stdout, /TW_ADMIT_BARRIER_MISSING/);
});

const spec = {
  runners: [{ serviceAccount: 'gitlab-runner' }],
  barrier: { images: ['r.test/b:1'] },
};
const bindingWith = (own: object) => ({
  ...(written('plain') as object),
  metadata: { name: 'runners', namespace: 'ci' },
  spec: { ...spec, ...own },
});

test('the runner waits longer than the barrier', async (t) => {
  const file = folder(t);
  const waiting = async (barrier: object) => {
    const binding = file('binding.yaml', bindingWith({ barrier: { ...spec.barrier, ...barrier } }));
    return configured(await config('--binding', binding)).pollTimeout;
  };
  assert.equal(await waiting({}), 180);
  assert.equal(await waiting({ args: ['--deadline', '300s'] }), 360);
  assert.equal(await waiting({ args: ['--deadline=10m'] }), 660);
  const env = [{ name: 'TORWACHT_BARRIER_DEADLINE', value: '200500ms' }];
  assert.equal(await waiting({ env }), 261);
  assert.equal(await waiting({ env, args: ['--interval', '1s', '--deadline', '5s'] }), 180);
});

test('words that TOML or the chart would read are carried as they are', async (t) => {
  const file = folder(t);
  const args = ["'''", '{{ .Release.Name }}', 'ü\\"'];
  const binding = file('binding.yaml', bindingWith({ barrier: { ...spec.barrier, args } }));
  const { podSpecs } = configured(await config('--binding', binding));
  assert.match(podSpecs[0]?.patch ?? '', /\{\{ \.Release\.Name \}\}/);
  const [values] = parseAllDocuments(await config('--binding', binding, '--for', 'helm'));
  const template: string = values?.toJS().runners.config;
  assert.ok(!template.replaceAll('{{ "{{" }}', '').includes('{{'));
  const filledIn = configured(template.replaceAll('{{ "{{" }}', '{{'));
  assert.deepEqual(filledIn.podSpecs, podSpecs);
});

test("the manager's pod is exempt where the binding says so", async (t) => {
  const file = folder(t);
  const helm = async (binding: object) => {
    const text = await config('--binding', file('binding.yaml', binding), '--for', 'helm');
    return parseAllDocuments(text)[0]?.toJS();
  };
  assert.deepEqual((await helm(written('plain') as object)).podLabels, {
    'torwacht.io/exempt': 'true',
  });
  const elsewhere = bindingWith({
    runners: [{ serviceAccount: 'fleet', namespace: 'runners' }],
    gitlab: { url: 'https://gitlab.example.com' },
  });
  const values = await helm(elsewhere);
  assert.equal(values.podLabels, undefined);
  assert.equal(values.gitlabUrl, 'https://gitlab.example.com');
  assert.equal(values.serviceAccount.name, 'fleet');
});

test('what is not said, and what admission would refuse, is asked for', async (t) => {
  const file = folder(t);
  const refused = async (binding: object, ...args: string[]) => {
    const path = file('binding.yaml', binding);
    const { status, stderr } = await torwacht('runner', 'config', '--binding', path, ...args);
    return `${status} ${/\[(TW_\w+)\]/.exec(stderr)?.[1]}`;
  };
  const many = bindingWith({ barrier: { images: ['r.test/b:*'] } });
  assert.equal(await refused(many), '2 TW_RUNNER_IMAGE');
  assert.equal(await refused(many, '--image', 'r.test/other:1'), '2 TW_RUNNER_IMAGE');
  assert.equal(await refused(many, '--image', 'r.test/b:2'), '0 undefined');
  const wide = bindingWith({ selector: { namespaces: ['ci', 'cd'] } });
  assert.equal(await refused(wide), '2 TW_RUNNER_NAMESPACE');
  assert.equal(await refused(wide, '-n', 'cd'), '0 undefined');
  assert.equal(await refused(wide, '-n', 'else'), '2 TW_RUNNER_WHICH_BINDING');
  assert.equal(await refused(written('bare') as object), '3 TW_RUNNER_NO_TEMPLATE');
  assert.equal(await refused(bindingWith({ mode: 'Perhaps' })), '3 TW_RUNNER_BINDING');
});
