/** Argo CD's health scripts, run by a real Lua on the statuses that the operator and the agent write. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { statusOf } from '#agent/cluster/status.ts';
import { apiVersion } from '#api/version.ts';
import type { KubeObject, Resource } from '#kube/index.ts';
import type { Parts } from '../parts.ts';
import { tell } from '../reconcile/tell.ts';
import * as resources from '../resources.ts';
import { binding, cluster, policy } from '../testing/objects.ts';
import { fold, type NodeView } from './fold.ts';
import { type Facts, standingOf } from './standing.ts';

const file = join(import.meta.dirname, '../../examples/gitops/argocd/argocd-cm.yaml');
const { data } = parse(readFileSync(file, 'utf8')) as { readonly data: Record<string, string> };
const scriptOf = (kind: string, group = 'torwacht.io') =>
  data[`resource.customizations.health.${group}_${kind}`];

/** A value as Lua reads it; nothing for null, as in Argo CD. */
function literal(value: unknown): string {
  if (typeof value === 'string') {
    return `"${[...Buffer.from(value)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
  }
  if (typeof value !== 'object' || value === null) return String(value ?? 'nil');
  const fields = Array.isArray(value)
    ? value.map(literal)
    : Object.entries(value).map(([name, own]) => `[${literal(name)}] = ${literal(own)}`);
  return `{${fields.join(', ')}}`;
}

interface Case {
  readonly script: string | undefined;
  readonly object: object;
}

/** One process for all. Lua 5.1 is what Argo CD's interpreter speaks; of its library, what that gives to scripts. */
function healths(cases: readonly Case[]): readonly { status: string; message: string }[] {
  const runs = cases.map(
    ({ script = '', object }) => `run(${literal(script)}, ${literal(object)})`,
  );
  const program = `
local function run(script, object)
  local chunk = assert(loadstring(script))
  setfenv(chunk, { obj = object, ipairs = ipairs, pairs = pairs, string = string, table = table,
    tostring = tostring, tonumber = tonumber, type = type, next = next, math = math })
  local health = chunk()
  print(string.format("%q", health.status .. "\\t" .. (health.message or "")))
end
${runs.join('\n')}`;
  const lua = spawnSync('lua5.1', ['-'], { input: program, encoding: 'utf8', timeout: 60_000 });
  assert.equal(lua.status, 0, `${lua.error ?? ''}${lua.stderr}`);
  return lua.stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [status = '', message = ''] = line.slice(1, -1).split('\t');
      return { status, message };
    });
}

/** The object with the status that the operator applies to it. */
async function told<T extends KubeObject>(
  of: Resource<T>,
  object: KubeObject,
  facts: Partial<Facts>,
): Promise<object> {
  const written: { status?: object }[] = [];
  const client = { apply: async (_: unknown, applied: object) => written.push(applied) };
  const state = { outstanding: { has: () => false, add: () => {} }, told: new Map() };
  const clock = { monotonic: () => 0, wall: () => Date.UTC(2026, 0, 1) };
  const parts = { stateOf: () => state, clock, pace: { progress: 0 } } as unknown as Parts;
  const all: Facts = {
    refused: undefined,
    older: false,
    bindings: 1,
    folded: fold([], [], () => true),
    settled: false,
    ...facts,
  };
  const context = { client, events: { record: () => {} } } as unknown as Parameters<typeof tell>[2];
  const said = { standing: standingOf(all), remarks: [], fields: { nodes: all.folded.nodes } };
  await tell(parts, of as never, context, object as never, said);
  assert.equal(written.length, 1);
  return { ...object, status: written[0]?.status };
}

const node = (name: string, digest?: string, reason?: string): NodeView => ({
  name,
  ready: true,
  held: new Map([['ci/r', { digest, reason, message: undefined }]]),
});
const on = (...nodes: readonly NodeView[]) => ({
  folded: fold(nodes, ['ci/r'], (_, digest) => digest === 'new'),
});
const refused = { refused: { reason: 'UnknownPreset', message: 'spec.presets[0] is none.' } };

type Row = readonly [what: string, object: object, status: string, message: RegExp];

/** What the operator says of each of the kinds that people write. */
async function rowsOf(of: Resource<KubeObject>, object: KubeObject): Promise<readonly Row[]> {
  const say = (facts: Partial<Facts>) => told(of, object, facts);
  const held = await say(on(node('a', 'new'), node('b', 'new')));
  const metadata = { ...object.metadata, generation: 2 };
  return [
    ['nobody has read it', object, 'Progressing', /Nobody has read it/],
    ['in force', held, 'Healthy', /^InForce: In force on 2 nodes\.$/],
    ['no nodes', await say({}), 'Healthy', /^NoNodes: There is no node\.$/],
    ['nobody is held by it', await say({ bindings: 0 }), 'Healthy', /^NoBinding: /],
    [
      'on its way',
      await say(on(node('a', 'new'), node('b', 'old'))),
      'Progressing',
      /^RollingOut: In force on 1 of 2 nodes\.$/,
    ],
    [
      'a node cannot',
      await say(on(node('a', 'new'), node('b', 'old', 'DiskRefused'))),
      'Degraded',
      /^NodesFail: .*DiskRefused on 1\.$/,
    ],
    ['stalled', await say(refused), 'Degraded', /^UnknownPreset: .*Nothing of it is in force\.$/],
    [
      'stalled, with the last good one in force',
      await say({ ...refused, older: true }),
      'Degraded',
      /^UnknownPreset: .*What was in force before stays\.$/,
    ],
    ['edited since', { ...held, metadata }, 'Progressing', /applied last is not read yet/],
    [
      'being deleted',
      { ...held, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
      'Progressing',
      /being deleted/,
    ],
  ];
}

const kinds = [
  [resources.egressPolicies, policy('ci/a')],
  [resources.clusterEgressPolicies, cluster('a')],
  [resources.runnerBindings, binding('ci/r')],
] as const;

for (const [of, object] of kinds) {
  test(`the health of a ${of.kind}, as the operator speaks of it`, async () => {
    const rows = await rowsOf(of as Resource<KubeObject>, object as KubeObject);
    const script = scriptOf(of.kind);
    assert.ok(script);
    const found = healths(rows.map((row) => ({ script, object: row[1] })));
    for (const [index, [what, , status, message]] of rows.entries()) {
      assert.equal(found[index]?.status, status, what);
      assert.match(found[index]?.message ?? '', message, what);
    }
  });
}

test('the health of a NodeAgent, as its agent speaks of it', () => {
  const good = {
    version: '0.1.0',
    kernel: '6.12',
    capabilities: [],
    hostProblems: [],
    connected: true,
    left: false,
    bindings: [],
    pods: { enforced: 1, failed: 0 },
  };
  const said = (facts: object) => ({
    apiVersion,
    kind: 'NodeAgent',
    metadata: { name: 'n', generation: 1 },
    status: statusOf({ ...good, ...facts }, 1, undefined, '2026-01-01T00:00:00Z'),
  });
  const rows = [
    [said({}), 'Healthy'],
    [said({ bindings: [{ namespace: 'ci', name: 'r' }] }), 'Progressing'],
    [said({ connected: false }), 'Degraded'],
    [said({ pods: { enforced: 1, failed: 1 } }), 'Degraded'],
    [{ ...said({}), status: undefined }, 'Progressing'],
  ] as const;
  const script = scriptOf('NodeAgent');
  const found = healths(rows.map(([object]) => ({ script, object })));
  assert.deepEqual(
    found.map(({ status }) => status),
    rows.map(([, status]) => status),
  );
});

test('waves wait for applications', () => {
  const script = scriptOf('Application', 'argoproj.io');
  assert.ok(script);
  const found = healths([
    { script, object: {} },
    { script, object: { status: { health: { status: 'Degraded', message: 'web' } } } },
    { script, object: { status: { health: { status: 'Healthy' } } } },
  ]);
  assert.deepEqual(found, [
    { status: 'Progressing', message: 'Its health is not known yet.' },
    { status: 'Degraded', message: 'web' },
    { status: 'Healthy', message: '' },
  ]);
});
