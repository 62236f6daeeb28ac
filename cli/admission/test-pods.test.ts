import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { accepted } from '../../test/admission/table/accepted.ts';
import { written } from '../../test/admission/table/bindings.ts';
import { job, unpatchedJob } from '../../test/admission/table/pods.ts';
import { refused } from '../../test/admission/table/refused.ts';
import { users } from '../../test/admission/table/row.ts';
import { torwacht } from '../testing.ts';

function files(
  t: TestContext,
  contents: Readonly<Record<string, object>>,
): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-admission-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(contents)) {
    writeFileSync(join(folder, name), stringify(content));
  }
  return (name) => join(folder, name);
}

test('a job is accepted, one without the barrier is refused with what to do', async (t) => {
  const at = files(t, {
    'good.yaml': job,
    'bad.yaml': unpatchedJob,
    'binding.yaml': written('plain') as object,
  });
  const ask = (file: string) =>
    torwacht('admission', 'test', '-f', at(file), '--binding', at('binding.yaml'));
  const good = await ask('good.yaml');
  assert.equal(good.status, 0, good.stderr);
  assert.match(
    good.stdout,
    /^accepted: Pod plain\/.*made by system:serviceaccount:plain:gitlab-runner\n/,
  );
  const bad = await ask('bad.yaml');
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /^refused: /);
  assert.match(
    bad.stdout,
    /\[TW_ADMIT_BARRIER_MISSING\]\n {6}Nothing in \.gitlab-ci\.yml mends this/,
  );
});

test('rows of the table, by JSON, with the binding in the same file', async (t) => {
  const rows = [...accepted, ...refused].filter(
    ({ phase, under = 'plain' }) => phase === undefined && under === 'plain',
  );
  for (const { what, pod, code, by = 'runner' } of rows.slice(0, 60)) {
    const items = [{ ...pod, kind: 'Pod' }, written('plain')];
    const at = files(t, { 'all.yaml': { apiVersion: 'v1', kind: 'List', items } });
    const { stdout, status } = await torwacht(
      ...['admission', 'test', '--json', '-f', at('all.yaml'), '--as', users[by]('plain').username],
    );
    assert.equal(status, code === null ? 0 : 1, what);
    assert.equal(JSON.parse(stdout).pods[0].problems[0]?.code ?? null, code, what);
  }
});

test('where the binding asks for it, the pod is judged with the barrier put in', async (t) => {
  const binding = written('plain') as { spec: object };
  const at = files(t, {
    'pod.yaml': unpatchedJob,
    'binding.yaml': { ...binding, spec: { ...binding.spec, inject: true } },
  });
  const { status, stdout } = await torwacht(
    'admission',
    'test',
    '-f',
    at('pod.yaml'),
    '--binding',
    at('binding.yaml'),
  );
  assert.equal(status, 0, stdout);
  assert.match(stdout, /put the barrier in/);
});

test('without a binding nothing comes in; without a pod there is nothing to judge', async (t) => {
  const at = files(t, {
    'pod.yaml': job,
    'none.yaml': { kind: 'ConfigMap' },
    'broken.yaml': { kind: 'Pod' },
  });
  const ask = (file: string) => torwacht('admission', 'test', '-f', at(file));
  assert.match((await ask('pod.yaml')).stdout, /TW_ADMIT_NO_BINDING/);
  assert.equal((await ask('none.yaml')).status, 3);
  assert.match((await ask('broken.yaml')).stderr, /a Pod with metadata/);
  assert.equal((await torwacht('admission', 'test', '-f', '/nonexistent')).status, 2);
});
