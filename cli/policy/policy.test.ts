import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkPolicies } from './check.ts';
import { showPresets } from './presets.ts';

function run(command: typeof checkPolicies, args: readonly string[], colour = false) {
  let stdout = '';
  let stderr = '';
  const code = command(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    colour,
  });
  return { code, stdout, stderr };
}

function fileOf(t: TestContext, text: string, name = 'p.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const good =
  'apiVersion: torwacht.io/v1alpha1\nkind: EgressPolicy\nmetadata: {name: web}\nspec: {presets: [npm]}\n';
const bad = good.replace('npm', 'npn');

test('a sound policy ends with 0 and one line', (t) => {
  const file = fileOf(t, good);
  assert.deepEqual(run(checkPolicies, [file]), {
    code: 0,
    stdout: 'ok: 1 EgressPolicy and 0 RunnerBindings in 1 file\n',
    stderr: '',
  });
});

test('cluster policies are counted where there are any', (t) => {
  const cluster = good.replace('EgressPolicy', 'ClusterEgressPolicy');
  const { code, stdout } = run(checkPolicies, [fileOf(t, `${good}---\n${cluster}`)]);
  assert.equal(code, 0);
  assert.match(stdout, /^ok: 1 ClusterEgressPolicy, 1 EgressPolicy and 0 RunnerBindings in 1 file/);
});

test('a problem ends with 3, its position and what to do', (t) => {
  const file = fileOf(t, bad);
  assert.deepEqual(run(checkPolicies, [file]), {
    code: 3,
    stdout:
      `${file}:4:18: spec.presets[0]: "npn" is no preset of this version\n` +
      '    Did you mean "npm"? `torwacht policy presets` lists them all.\n' +
      '1 problem in 1 file\n',
    stderr: '',
  });
});

test('--json holds the same', (t) => {
  const file = fileOf(t, bad);
  const { code, stdout } = run(checkPolicies, ['--json', file]);
  assert.equal(code, 3);
  assert.deepEqual(JSON.parse(stdout), {
    valid: false,
    files: [file],
    documents: 0,
    problems: [
      {
        file,
        line: 4,
        column: 18,
        field: 'spec.presets[0]',
        message: '"npn" is no preset of this version',
        hint: 'Did you mean "npm"? `torwacht policy presets` lists them all.',
      },
    ],
  });
});

test('rules that do not go together are found by the check', (t) => {
  const ports = Array.from({ length: 9 }, (_, index) => `{port: ${index * 2 + 1}}`).join(', ');
  const more = Array.from({ length: 9 }, (_, index) => `{port: ${index * 2 + 101}}`).join(', ');
  const text = good.replace(
    '{presets: [npm]}',
    `{selector: {jobs: ["x*"]}, allow: [{fqdn: [a.test], ports: [${ports}]}, {fqdn: [a.test], ports: [${more}]}]}`,
  );
  const { code, stdout, stderr } = run(checkPolicies, [fileOf(t, text)]);
  assert.equal(code, 3);
  assert.equal(stdout, '');
  assert.match(stderr, /^a\.test is named by rules with more than 16 different port ranges/);
});

test('what cannot be read, and wrong arguments, end with 2', () => {
  assert.equal(run(checkPolicies, []).code, 2);
  assert.equal(run(checkPolicies, ['--frob']).code, 2);
  assert.match(run(checkPolicies, ['--frob']).stderr, /^Unknown option '--frob'\.\nUsage: /);
  const { code, stdout, stderr } = run(checkPolicies, ['/nowhere/p.yaml']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /cannot be read: it does not exist\.\nGive a file/);
  assert.equal(run(showPresets, ['npm', 'pypi']).code, 2);
});

test('colour appears only where it is wanted, and a file name cannot bring its own', (t) => {
  const file = fileOf(t, bad, 'a\x1b[31m\nb.yaml');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is meant
  assert.doesNotMatch(run(checkPolicies, [file]).stdout, /\x1b|m\nb/);
  assert.match(run(checkPolicies, [file]).stdout, /a\\u\{1b\}\[31m\\u\{a\}b\.yaml:4:18/);
  assert.ok(run(checkPolicies, [file], true).stdout.includes('\x1b[31m"') === false);
  assert.ok(run(checkPolicies, [file], true).stdout.includes('\x1b[31mspec.presets[0]'));
});

test('presets are listed one a line, and shown with hosts, source and caveat', () => {
  const { code, stdout } = run(showPresets, []);
  assert.equal(code, 0);
  assert.match(stdout, /^npm {18}The public npm registry$/m);
  const one = run(showPresets, ['debian']).stdout;
  assert.match(one, /^allow {4}deb\.debian\.org 80\/TCP 443\/TCP$/m);
  assert.match(one, /^source {3}https:/m);
  assert.match(one, /^caveat {3}Port 80 too/m);
  assert.match(run(showPresets, ['cache-s3']).stdout, /^instead {2}Write allow/m);
});

test('--json of presets is the data', () => {
  assert.ok(JSON.parse(run(showPresets, ['--json']).stdout).length > 20);
  assert.equal(JSON.parse(run(showPresets, ['npm', '--json']).stdout).name, 'npm');
});

test('an unknown preset ends with 2 and the one that was meant', () => {
  const { code, stderr } = run(showPresets, ['githubread']);
  assert.equal(code, 2);
  assert.match(stderr, /^There is no preset named "githubread"\.\nDid you mean github-read\?/);
});
