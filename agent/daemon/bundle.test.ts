import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bundle } from './bundle.ts';

const binding = `apiVersion: torwacht.io/v1alpha1
kind: RunnerBinding
metadata: { name: runners, namespace: ci }
spec: {}
`;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-bundle-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a broken file is a problem with its place, and the last good bundle stays', (t) => {
  const path = folder(t);
  writeFileSync(join(path, 'a.yaml'), binding);
  const bundle = new Bundle(path);
  bundle.read();
  assert.equal(bundle.documents.length, 1);
  writeFileSync(join(path, 'a.yaml'), `${binding}  mode: Maybe\n`);
  bundle.read();
  assert.equal(bundle.problem?.code, 'TW_AGENT_BUNDLE');
  assert.match(bundle.problem?.message ?? '', /a\.yaml:\d+:\d+/);
  assert.equal(bundle.documents.length, 1);
  writeFileSync(join(path, 'a.yaml'), binding);
  bundle.read();
  assert.equal(bundle.problem, undefined);
});

test('a folder that is not there is a problem, and no document', () => {
  const bundle = new Bundle('/nonexistent/bundle');
  bundle.read();
  assert.equal(bundle.problem?.code, 'TW_POLICY_UNREADABLE');
  assert.deepEqual(bundle.documents, []);
});

test('changes are noticed by themselves', async (t) => {
  const path = folder(t);
  writeFileSync(join(path, 'a.yaml'), binding);
  const bundle = new Bundle(path);
  bundle.read();
  let changes = 0;
  t.after(bundle.watch(() => changes++));
  writeFileSync(join(path, 'b.yaml'), binding.replace('runners', 'others'));
  for (let tries = 0; tries < 500 && changes === 0; tries++) await sleep(20);
  assert.equal(bundle.documents.length, 2);
});
