/** examples/gitops: what its files name exists, and what they hold is sound. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { group, kinds } from '#api/version.ts';
import { checkDocument } from '#policy/check-document.ts';
import { torwacht } from '../testing.ts';

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples/gitops');

interface Resource {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of other projects
  readonly spec?: any;
  readonly resources?: readonly string[];
}

/** Every document of every file that is a manifest. */
const manifests = globSync('**/*.yaml', { cwd: examples })
  .filter((file) => !file.endsWith('runner/values.yaml'))
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(examples, file), 'utf8')).map((document) => {
      assert.deepEqual(document.errors, [], file);
      return { file, object: document.toJS() as Resource };
    }),
  );
const of = (kind: string, apiVersion: RegExp) =>
  manifests
    .filter(({ object }) => object.kind === kind && apiVersion.test(object.apiVersion ?? ''))
    .map(({ object }) => object);

const flux = of('Kustomization', /^kustomize\.toolkit\.fluxcd\.io\/v1$/);
const applications = of('Application', /^argoproj\.io\/v1alpha1$/);
const sets = of('ApplicationSet', /^argoproj\.io\/v1alpha1$/);
const releases = of('HelmRelease', /^helm\.toolkit\.fluxcd\.io\/v2$/);
const known = [
  ...[flux, applications, sets, releases, of('Namespace', /^v1$/), of('ConfigMap', /^v1$/)],
  ...[of('GitRepository', /^source\.toolkit\.fluxcd\.io\/v1$/)],
  of('HelmRepository', /^source\.toolkit\.fluxcd\.io\/v1$/),
  of('Kustomization', /^kustomize\.config\.k8s\.io\/v1beta1$/),
].flat();

test('every object is of a kind that is known here, and ours are sound', () => {
  let sound = 0;
  for (const { file, object } of manifests) {
    if (object.apiVersion?.startsWith(`${group}/`)) {
      assert.deepEqual(checkDocument(object).problems, [], file);
      sound++;
    } else {
      assert.ok(known.includes(object), `${file}: ${object.apiVersion} ${object.kind}`);
    }
  }
  assert.ok(sound >= kinds.length, `${sound} objects of ours`);
});

test('every path that is named is a folder with a kustomization, or the chart', () => {
  const paths = [
    ...flux.map(({ spec }) => spec.path.replace(/^\.\//, '')),
    ...applications.flatMap(({ spec }) => spec.source?.path ?? []),
    ...sets.flatMap(({ spec }) =>
      ['production', 'staging'].flatMap((cluster) =>
        ['platform', 'teams'].map((part) =>
          spec.template.spec.source.path.replace('{{.name}}', cluster).replace('{{.part}}', part),
        ),
      ),
    ),
    ...manifests.flatMap(({ file, object }) =>
      file.endsWith('clusters/staging/kustomization.yaml')
        ? [...JSON.stringify(object).matchAll(/value: \.\/(examples\S+?)\\n/g)].map(
            ([, path]) => path,
          )
        : [],
    ),
  ];
  assert.ok(paths.length > 10, paths.join());
  for (const path of paths) {
    const file = path === 'charts/torwacht' ? 'Chart.yaml' : 'kustomization.yaml';
    assert.ok(existsSync(join(root, path, file)), path);
  }
  for (const { file, object } of manifests) {
    for (const entry of object.resources ?? []) {
      assert.ok(existsSync(join(examples, dirname(file), entry)), `${file}: ${entry}`);
    }
  }
});

/** Has the chart all that is given to it, field by field? */
function assertKnown(given: object, values: object, path: string): void {
  for (const [name, own] of Object.entries(given)) {
    assert.ok(Object.hasOwn(values, name), `the chart has no ${path}${name}`);
    if (typeof own !== 'object') continue;
    assertKnown(own, (values as Record<string, object>)[name] ?? {}, `${path}${name}.`);
  }
}

test('the chart has the values that are given to it', () => {
  const text = readFileSync(join(root, 'charts/torwacht/values.yaml'), 'utf8');
  const values = parseAllDocuments(text)[0]?.toJS();
  const given = [
    ...applications.flatMap(({ spec }) =>
      spec.source?.path === 'charts/torwacht' ? [spec.source.helm.valuesObject] : [],
    ),
    ...releases.flatMap(({ spec }) =>
      spec.chart.spec.chart === './charts/torwacht' ? [spec.values] : [],
    ),
  ];
  assert.equal(given.length, 2);
  for (const one of given) assertKnown(one, values, '');
});

test('who waits for whom is there, and the runner comes last', () => {
  const names = flux.map(({ metadata }) => metadata?.name);
  const waits = flux.map(({ metadata, spec }) => [
    metadata?.name,
    ...(spec.dependsOn ?? []).map(({ name }: { name: string }) => name),
  ]);
  for (const [, ...before] of waits) for (const name of before) assert.ok(names.includes(name));
  assert.deepEqual(Object.fromEntries(waits.map(([name, before]) => [name, before ?? null])), {
    torwacht: null,
    'torwacht-platform': 'torwacht',
    'torwacht-teams': 'torwacht-platform',
    'gitlab-runner': 'torwacht-teams',
  });
  const waves = applications
    .filter(({ metadata }) => metadata?.annotations !== undefined)
    .map(({ metadata }) => [
      Number(metadata?.annotations?.['argocd.argoproj.io/sync-wave']),
      metadata?.name,
    ])
    .sort();
  assert.deepEqual(waves, [
    [0, 'torwacht'],
    [1, 'torwacht-platform'],
    [2, 'torwacht-teams'],
    [3, 'gitlab-runner'],
  ]);
});

test('what Flux checks the health of is applied by it', () => {
  const checks = flux.flatMap(({ spec }) => spec.healthChecks ?? []);
  assert.ok(checks.length >= 3);
  for (const { apiVersion, kind, name } of checks) {
    const found = manifests.some(
      ({ object }) =>
        object.apiVersion === apiVersion && object.kind === kind && object.metadata?.name === name,
    );
    assert.ok(found, `${kind} ${name}`);
  }
});

test('the values of the runner are those of the binding', async () => {
  const binding = 'examples/gitops/fleet/base/platform/binding.yaml';
  const { stdout, stderr } = await torwacht(
    ...['runner', 'config', '--for', 'helm', '--binding', join(root, binding)],
  );
  const values = join(examples, 'fleet/base/runner/values.yaml');
  assert.equal(readFileSync(values, 'utf8'), stdout, stderr);
  const checked = await torwacht('runner', 'check', values, '--binding', join(root, binding));
  assert.equal(checked.status, 0, checked.stdout);
});
