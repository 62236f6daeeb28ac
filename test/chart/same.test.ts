/** The chart as it stands is what kustomize makes of config/default, field by field. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { BUILD, ROOT } from '../cluster/names.ts';
import { keyOf, type Manifest, parse, render, type Values } from './helm.ts';

/**
 * All that may differ:
 *
 * - labels that say which chart and release an object is of (and `part-of`, which config/ leaves out in places);
 * - the annotation by which `helm uninstall` leaves the kinds;
 * - the namespace itself, which Helm makes before it installs;
 * - hooks of `helm test` and `helm uninstall`, which `helm template` does not show here.
 */
const ofHelm = new Set([
  ...['instance', 'version', 'managed-by', 'part-of'].map((word) => `app.kubernetes.io/${word}`),
  'helm.sh/chart',
  'helm.sh/resource-policy',
]);
const onlyInConfig = ['v1 Namespace torwacht'];

const made = new Map<string, readonly Manifest[]>();

function kustomized(folder: string): readonly Manifest[] {
  const before = made.get(folder);
  if (before !== undefined) return before;
  const objects = build(join(ROOT, folder));
  made.set(folder, objects);
  return objects;
}

function build(path: string): readonly Manifest[] {
  const kubectl = join(BUILD, 'bin/kubectl');
  const options = { encoding: 'utf8', maxBuffer: 64 << 20 } as const;
  return parse(execFileSync(kubectl, ['kustomize', path], options));
}

/** config/default with a component of config/. */
function withComponent(component: string): readonly Manifest[] {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-kustomize-'));
  try {
    const [base, more] = ['config/default', component].map((path) =>
      relative(folder, join(ROOT, path)),
    );
    const text = stringify({ resources: [base], components: [more] });
    writeFileSync(join(folder, 'kustomization.yaml'), text);
    return build(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isHook = ({ metadata }: Manifest): boolean => 'helm.sh/hook' in (metadata.annotations ?? {});

/** Lists of a pod whose order says nothing. */
const unordered = new Set(['env', 'volumeMounts', 'volumes']);

/** Without what may differ. */
function bare(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const all = value.map((one) => bare(one));
    if (!unordered.has(key) || !all.every(isNamed)) return all;
    return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value)
    .filter(([name]) => !(isOfMetadata(key) && ofHelm.has(name)))
    .map(([name, one]) => [name, bare(one, name)] as const)
    .filter(([name, one]) => !(isOfMetadata(name) && Object.keys(one as object).length === 0));
  return Object.fromEntries(fields);
}

const isOfMetadata = (key: string): boolean => key === 'labels' || key === 'annotations';
const isNamed = (one: unknown): one is { readonly name: string } =>
  typeof one === 'object' && one !== null && 'name' in one;

function byKey(objects: readonly Manifest[]): ReadonlyMap<string, unknown> {
  return new Map(objects.map((one) => [keyOf(one), bare(one)]));
}

const ways: readonly (readonly [folders: readonly string[], values: Values, extra?: string])[] = [
  [['config/default'], {}],
  [['config/default', 'config/webhook-injection'], { 'admission.inject': true }],
  [['config/default', 'config/admission-policy'], { 'admission.pods': 'both' }],
  [['config/default', 'config/webhook-cert-manager'], { 'certificates.source': 'cert-manager' }],
];

for (const [folders, values] of ways) {
  test(`the chart${Object.keys(values).map((path) => ` with ${path}`)} is ${folders.join(' and ')}`, () => {
    // What comes later is the same with more.
    assertSame(values, folders.flatMap(kustomized));
  });
}

test('the chart with a volume for the history is config/default with config/operator/history-volume', () => {
  const values = { 'operator.replicas': 1, 'operator.history.place': 'volume' };
  assertSame(values, withComponent('config/operator/history-volume'));
});

test('the chart with a startup taint is config/default with config/operator/startup-taint', () => {
  const values = { 'operator.startupTaint': 'torwacht.io/agent-not-ready' };
  assertSame(values, withComponent('config/operator/startup-taint'));
});

test('the chart with authorities of one’s own is config/default with config/private-ca', () => {
  assertSame({ 'privateCA.configMap': 'torwacht-ca' }, withComponent('config/private-ca'));
});

function assertSame(values: Values, objects: readonly Manifest[]): void {
  const there = byKey(objects);
  const here = byKey(render({ values }).filter((one) => !isHook(one)));
  assert.ok(here.size > 20);
  const missing = [...there.keys()].filter((key) => !here.has(key));
  assert.deepEqual(missing, onlyInConfig);
  assert.deepEqual(
    [...here.keys()].filter((key) => !there.has(key)),
    [],
  );
  for (const [key, object] of here) assert.deepEqual(object, there.get(key), key);
}

test('an object that differs in one field is seen', () => {
  const [first] = render({ values: { 'agent.startupSeconds': 121 } }).filter(
    ({ kind }) => kind === 'DaemonSet',
  );
  const there = byKey(kustomized('config/default'));
  assert.ok(first);
  assert.notDeepEqual(bare(first), there.get(keyOf(first)));
});
