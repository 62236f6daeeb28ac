import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { compile } from '#policy/compile.ts';
import { parsePolicies } from '#policy/load.ts';
import { StoredPolicies } from './stored-policies.ts';

function policyOf(name: string) {
  const document = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name: 'web', namespace: 'ci' },
    spec: { presets: ['npm'], allow: [{ fqdn: [name] }, { cidr: ['192.0.2.0/24'] }] },
  };
  const content = Buffer.from(JSON.stringify(document));
  const { documents } = parsePolicies([{ file: 'bundle.yaml', content }]);
  return compile(documents, { namespace: 'ci' });
}

function setUp(t: TestContext) {
  const state = mkdtempSync(join(tmpdir(), 'torwacht-state-'));
  t.after(() => rmSync(state, { recursive: true, force: true }));
  const faults: unknown[] = [];
  const open = (folder = state) => new StoredPolicies(folder, (error) => faults.push(error));
  const folder = join(state, 'policies-1');
  return { state, folder, open, faults };
}

test('what one agent kept the next one recalls, whole', (t) => {
  const { open, folder } = setUp(t);
  const policy = policyOf('example.com');
  const stored = open();
  stored.keep(policy);
  stored.keep(policy);
  assert.deepEqual(open().recall(policy.digest), policy);
  const [name = ''] = readdirSync(folder);
  assert.deepEqual(readdirSync(folder), [`${policy.digest}.json`]);
  assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test('what was changed, cut off or never there is no policy', (t) => {
  const { open, folder } = setUp(t);
  const policy = policyOf('example.com');
  open().keep(policy);
  const path = join(folder, `${policy.digest}.json`);
  const text = readFileSync(path, 'utf8');
  for (const other of [text.replace('"example"', '"attacker"'), text.slice(0, -9), '', 'null']) {
    assert.notEqual(other, text);
    writeFileSync(path, other);
    assert.equal(open().recall(policy.digest), undefined, other.slice(0, 20));
  }
  const never = policyOf('example.org');
  assert.equal(open().recall(never.digest), undefined);
  for (const digest of ['', '../x', '0'.repeat(63)]) assert.equal(open().recall(digest), undefined);
});

test('those that nobody is held by go, and can be kept again', (t) => {
  const { open, folder } = setUp(t);
  const stored = open();
  stored.prune(new Set());
  const [one, other] = [policyOf('example.com'), policyOf('example.org')];
  stored.keep(one);
  stored.keep(other);
  writeFileSync(join(folder, `${one.digest}.json.new`), 'half');
  stored.prune(new Set([other.digest]));
  assert.deepEqual(readdirSync(folder), [`${other.digest}.json`]);
  stored.keep(one);
  assert.deepEqual(stored.recall(one.digest), one);
});

test('without a folder nothing is remembered; one that cannot be written is a fault', (t) => {
  const { open, state, faults } = setUp(t);
  const policy = policyOf('example.com');
  const none = open('');
  none.keep(policy);
  none.prune(new Set());
  assert.equal(none.recall(policy.digest), undefined);
  assert.deepEqual(faults, []);
  writeFileSync(join(state, 'file'), '');
  open(join(state, 'file')).keep(policy);
  assert.equal(faults.length, 1);
});
