import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TorwachtError } from '#api/error.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { PolicySource } from './policy-source.ts';

const document = (name: string, fqdn: string) => `apiVersion: torwacht.io/v1alpha1
kind: EgressPolicy
metadata:
  name: ${name}
spec:
  allow:
    - fqdn: [${fqdn}]
`;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-test-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const source = (path: string, observe = false) =>
  new PolicySource({ path, observe, identity: { namespace: 'default' } });

/** A watched policy, whose clock the test moves. */
function watched(t: TestContext, path: string) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const applied: CompiledPolicy[] = [];
  const complaints: string[] = [];
  const made = source(path);
  const first = made.read();
  const stop = made.watch(
    (policy) => applied.push(policy),
    (error) => complaints.push(error.message),
  );
  const look = () => t.mock.timers.tick(500);
  return { first, applied, complaints, stop, look };
}

test('a bad file is refused with every problem, file, line and column', (t) => {
  const file = join(folder(t), 'p.yaml');
  writeFileSync(file, document('p', 'a.example').replace('fqdn', 'fqnd'));
  assert.throws(
    () => source(file).read(),
    (error: unknown) => {
      assert.ok(error instanceof TorwachtError);
      assert.equal(error.code, 'TW_RUN_BAD_POLICY');
      assert.match(error.message, /^the policy has \d+ problems?:\n/);
      assert.match(error.message, /p\.yaml:7:\d+: .*fqnd/);
      return true;
    },
  );
});

test('observe is in force whatever the documents say', (t) => {
  const file = join(folder(t), 'p.yaml');
  writeFileSync(file, document('p', 'a.example'));
  assert.equal(source(file).read().mode, 'Block');
  assert.equal(source(file, true).read().mode, 'Observe');
});

test('a cluster policy counts like any other document, whatever namespaces it selects', (t) => {
  const path = folder(t);
  writeFileSync(join(path, 'p.yaml'), document('p', 'a.example'));
  const { names } = source(path).read();
  assert.equal(names.length, 1);
  const ceiling = 'namespaceSelector: {matchLabels: {a: b}}\n  ceiling: {}';
  const cluster = document('c', 'b.example').replace('EgressPolicy', 'ClusterEgressPolicy');
  writeFileSync(join(path, 'c.yaml'), cluster.replace('spec:', `spec:\n  ${ceiling}`));
  assert.deepEqual(
    source(path)
      .read()
      .names.map(({ pattern }) => pattern.labels.join('.')),
    ['b.example'],
  );
});

test('a change is applied once; no change, nothing', (t) => {
  const file = join(folder(t), 'p.yaml');
  writeFileSync(file, document('p', 'a.example'));
  const { first, applied, complaints, look } = watched(t, file);
  look();
  assert.equal(applied.length, 0);
  writeFileSync(file, document('p', 'a-longer-name.example'));
  look();
  look();
  assert.equal(applied.length, 1);
  assert.notEqual(applied[0]?.digest, first.digest);
  assert.deepEqual(complaints, []);
});

test('a broken change is told once, and mended it is applied', (t) => {
  const file = join(folder(t), 'p.yaml');
  writeFileSync(file, document('p', 'a.example'));
  const { applied, complaints, look } = watched(t, file);
  writeFileSync(file, 'kind: [broken\n');
  look();
  look();
  assert.equal(applied.length, 0);
  assert.equal(complaints.length, 1);
  assert.match(complaints[0] ?? '', /p\.yaml:\d+:\d+: /);
  writeFileSync(file, document('p', 'b.example'));
  look();
  assert.equal(applied.length, 1);
});

test('a file that is gone keeps the last good policy; a new one in its place counts', (t) => {
  const at = folder(t);
  const file = join(at, 'p.yaml');
  writeFileSync(file, document('p', 'a.example'));
  const { applied, complaints, look } = watched(t, file);
  rmSync(file);
  look();
  assert.equal(complaints.length, 1);
  writeFileSync(join(at, 'new'), document('p', 'b.example'));
  renameSync(join(at, 'new'), file);
  look();
  assert.equal(applied.length, 1);
});

test('of a folder, files that are added, changed and removed count', (t) => {
  const at = join(folder(t), 'policies');
  mkdirSync(at);
  writeFileSync(join(at, 'a.yaml'), document('a', 'a.example'));
  const { applied, look } = watched(t, at);
  writeFileSync(join(at, 'b.yaml'), document('b', 'b.example'));
  look();
  writeFileSync(join(at, 'b.yaml'), document('b', 'another.example'));
  look();
  rmSync(join(at, 'b.yaml'));
  look();
  assert.equal(applied.length, 3);
});

test('after stop, no change counts', (t) => {
  const file = join(folder(t), 'p.yaml');
  writeFileSync(file, document('p', 'a.example'));
  const { applied, stop, look } = watched(t, file);
  stop();
  writeFileSync(file, document('p', 'a-longer-name.example'));
  look();
  assert.equal(applied.length, 0);
});
