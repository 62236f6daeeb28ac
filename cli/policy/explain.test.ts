import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { torwacht } from '../testing.ts';
import { type ExplainFlags, explainDestination } from './explain.ts';

const text = `apiVersion: torwacht.io/v1alpha1
kind: EgressPolicy
metadata: {name: web, namespace: ci}
spec:
  presets: [npm]
  allow:
    - fqdn: [api.example.com, "*.cdn.example.com"]
`;

function fileOf(t: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-explain-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'p.yaml');
  writeFileSync(file, content);
  return file;
}

function explain(policy: string, destination: string, flags: Partial<ExplainFlags> = {}) {
  let stdout = '';
  let stderr = '';
  const status = explainDestination(
    destination,
    { policy, ...flags },
    {
      stdout: { write: (chunk) => (stdout += chunk) },
      stderr: { write: (chunk) => (stderr += chunk) },
      colour: false,
    },
  );
  return { status, stdout, stderr };
}

test('what is allowed ends with 0, and names rule, file and line', (t) => {
  const file = fileOf(t, text);
  const { status, stdout, stderr } = explain(file, 'https://x.cdn.example.com/');
  assert.equal(status, 0, stderr);
  const [verdict, rule] = stdout.split('\n');
  assert.equal(verdict, 'allowed: x.cdn.example.com on 443/TCP');
  assert.equal(rule, `  by *.cdn.example.com in EgressPolicy ci/web allow[0] (${file}:7:31)`);
});

test('what is refused ends with 1, and says what would help', (t) => {
  const { status, stdout } = explain(fileOf(t, text), 'x.y.cdn.example.com');
  assert.equal(status, 1);
  assert.match(stdout, /^refused: .*\n {2}by default: no rule allows it\n/);
  assert.match(stdout, /^hint: .* use \*\*\.cdn\.example\.com\.$/m);
});

test('--process changes no verdict, and says that it does not', (t) => {
  const file = fileOf(t, text);
  for (const destination of ['x.cdn.example.com', 'x.y.cdn.example.com']) {
    const without = explain(file, destination);
    const asked = explain(file, destination, { process: '/usr/bin/curl' });
    assert.equal(asked.status, without.status);
    assert.ok(asked.stdout.startsWith(without.stdout), asked.stdout);
    assert.match(asked.stdout, /^note: No rule tells processes apart: .*curl.* too\.$/m);
  }
});

test('--json holds the same', (t) => {
  const file = fileOf(t, text);
  const { status, stdout } = explain(file, 'registry.npmjs.org', { json: true });
  assert.equal(status, 0);
  const told = JSON.parse(stdout);
  assert.equal(told.allowed, true);
  assert.deepEqual(told.rule, {
    rule: 'EgressPolicy ci/web preset npm',
    match: 'registry.npmjs.org',
    place: { file, line: 5, column: 13 },
  });
  assert.equal(told.mode, 'Block');
  assert.ok(told.steps.length > 4);
});

test('a destination that is none ends with 2, a broken policy with 3', (t) => {
  const file = fileOf(t, text);
  const wrong = explain(file, '010.0.0.1');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /"010\.0\.0\.1" is no destination: it has the octet 010/);
  assert.equal(explain('/nowhere.yaml', 'example.com').status, 2);
  const broken = explain(fileOf(t, text.replace('npm', 'npn')), 'example.com');
  assert.equal(broken.status, 3);
  assert.equal(broken.stdout, '');
  assert.match(broken.stderr, /:5:13: spec\.presets\[0\]: "npn" is no preset/);
});

test('the command line: flags reach it, what is missing or unknown is a mistake of usage', async (t) => {
  const file = fileOf(t, text);
  const status = async (...args: readonly string[]) =>
    (await torwacht('policy', 'explain', ...args)).status;
  assert.equal(await status('-p', file, '--protocol', 'udp', 'registry.npmjs.org'), 1);
  assert.equal(await status('-p', file), 2);
  assert.equal(await status('registry.npmjs.org'), 2);
  assert.equal(await status('-p', file, '--protocol', 'sctp', 'registry.npmjs.org'), 2);
});
