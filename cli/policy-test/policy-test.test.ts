import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { apiVersion } from '#api/version.ts';
import { torwacht } from '../testing.ts';

const examples = fileURLToPath(new URL('../../examples/policy-tests/tests', import.meta.url));

const policy = (name: string, spec: object) => ({
  apiVersion,
  kind: 'EgressPolicy',
  metadata: { name, namespace: 'ci' },
  spec,
});
const web = policy('web', {
  selector: { projects: ['4711'] },
  allow: [{ fqdn: ['api.example.com'] }, { cidr: ['192.0.2.0/24'], ports: [{ port: 5432 }] }],
  deny: [{ fqdn: ['**.bad.example.com'] }],
});
const deploy = policy('deploy', { selector: { jobs: ['deploy'] }, allow: [{ fqdn: ['d.test'] }] });
const binding = (spec: object) => ({
  apiVersion,
  kind: 'RunnerBinding',
  metadata: { name: 'runners', namespace: 'ci' },
  spec,
});

const suite = (spec: object) => ({ apiVersion, kind: 'PolicyTest', spec });
const one = (expect: readonly object[], who: object = {}, more: object = {}) =>
  suite({ policies: ['../p'], who, tests: [{ name: 'it', expect, ...more }] });
const doc = (...documents: readonly object[]) =>
  documents.map((one) => stringify(one)).join('---\n');

/** Runs `tests/t.yaml` beside `p/p.yaml`. */
async function run(
  t: TestContext,
  tests: object | string,
  policies: readonly object[],
  ...args: string[]
) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-policy-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'tests', 't.yaml');
  mkdirSync(dirname(file));
  mkdirSync(join(folder, 'p'));
  writeFileSync(file, typeof tests === 'string' ? tests : stringify(tests));
  writeFileSync(join(folder, 'p', 'p.yaml'), doc(...policies));
  const ran = await torwacht('policy', 'test', file, ...args);
  const shown = (text: string) => text.replaceAll(`${folder}/`, '');
  return { ...ran, folder, stdout: shown(ran.stdout), stderr: shown(ran.stderr) };
}

test('the examples hold', async () => {
  const { status, stdout, stderr } = await torwacht('policy', 'test', examples);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^6 tests, 17 expectations: all as expected\n$/m);
});

test('an example that expects the opposite fails, each expectation by itself', async (t) => {
  const text = readFileSync(join(examples, 'web.yaml'), 'utf8');
  const folder = mkdtempSync(join(dirname(examples), 'opposite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const swapped = text
    .replaceAll(/- allow: /g, '- x: ')
    .replaceAll(/- deny: /g, '- allow: ')
    .replaceAll(/- x: /g, '- deny: ')
    .replaceAll(
      /mode: (Block|Observe)/g,
      (_, mode) => `mode: ${mode === 'Block' ? 'Observe' : 'Block'}`,
    );
  writeFileSync(join(folder, 't.yaml'), swapped);
  const { status, stdout } = await torwacht('policy', 'test', folder, '--json');
  assert.equal(status, 1);
  const { passed, failed } = JSON.parse(stdout);
  assert.deepEqual([passed, failed], [0, 17]);
});

const who = { namespace: 'ci', project: '4711' };
const verdicts: readonly (readonly [expectation: object, passes: boolean])[] = [
  [{ allow: 'api.example.com' }, true],
  [{ deny: 'api.example.com' }, false],
  [{ allow: 'npm->api.example.com:443' }, true],
  [{ allow: 'npm →api.example.com:8443' }, false],
  [{ deny: 'node → evil.test:443' }, true],
  [{ deny: { to: 'evil.test', process: 'node' } }, true],
  [{ allow: { to: '192.0.2.9:5432', rule: 'EgressPolicy ci/web allow[1]' } }, true],
  [{ allow: { to: '192.0.2.9:5432', rule: 'EgressPolicy ci/web' } }, true],
  [{ allow: { to: '192.0.2.9:5432', rule: 'EgressPolicy ci/web allow[0]' } }, false],
  [{ deny: { to: '192.0.2.9:5432', protocol: 'udp' } }, true],
  [{ deny: { to: 'udp://192.0.2.9:5432', reason: 'port' } }, true],
  [{ deny: { to: 'udp://192.0.2.9:5432', reason: 'default' } }, false],
  [
    { deny: { to: 'a.bad.example.com', reason: 'deny-rule', rule: 'EgressPolicy ci/web deny[0]' } },
    true,
  ],
  [{ deny: { to: 'evil.test', rule: 'EgressPolicy ci/web' } }, false],
  [{ deny: { to: '192.0.2.1', protocol: 'icmp' } }, true],
];

test('each form of an expectation, as it holds and as it does not', async (t) => {
  for (const [expectation, passes] of verdicts) {
    const { status, stdout, stderr } = await run(t, one([expectation], who), [web]);
    assert.equal(status, passes ? 0 : 1, `${JSON.stringify(expectation)}: ${stdout}${stderr}`);
  }
});

test('who it is about: without a namespace as torwacht run, with one as a cluster', async (t) => {
  const holds = async (
    asked: object,
    policies: readonly object[],
    expectation: object,
    more = {},
  ) => (await run(t, one([expectation], asked, more), policies)).status === 0;
  const allowed = { allow: 'd.test' };
  const denied = { deny: 'd.test' };
  assert.ok(await holds({ job: 'deploy' }, [deploy], allowed));
  assert.ok(await holds({ job: 'build' }, [deploy], denied));
  // In a cluster a job name is the author's word, unless the binding says otherwise.
  const job = { namespace: 'ci', job: 'deploy' };
  assert.ok(await holds(job, [deploy], denied));
  assert.ok(await holds(job, [deploy, binding({})], denied));
  const names = binding({ trust: { jobNames: true } });
  assert.ok(await holds(job, [deploy, names], denied));
  const both = binding({ trust: { jobNames: true, annotations: true } });
  assert.ok(await holds(job, [deploy, both], allowed));
  assert.ok(await holds({ ...job, namespace: 'cd' }, [{ ...web }], { deny: 'api.example.com' }));
  // What no binding governs is held by nothing: neither expectation is true of it.
  const elsewhere = { namespace: 'cd', project: '4711' };
  assert.ok(!(await holds(elsewhere, [web, both], { deny: 'api.example.com' })));
  assert.ok(!(await holds(elsewhere, [web, both], { allow: 'api.example.com' })));
  const labelled = binding({ selector: { podLabels: { team: 'shop' } } });
  assert.ok(await holds(who, [web, labelled], { allow: 'api.example.com' }));
  const other = { ...who, labels: { team: 'ops' } };
  assert.ok(!(await holds(other, [web, labelled], { allow: 'api.example.com' })));
  const observed = binding({ mode: 'Observe' });
  assert.ok(await holds(who, [web, observed], { deny: 'evil.test' }, { mode: 'Observe' }));
  assert.ok(!(await holds(who, [web, observed], { deny: 'evil.test' }, { mode: 'Block' })));
});

test('a failure says where it is expected, what decides instead, and what would have to be different', async (t) => {
  const tests = one([{ allow: 'npm → api.example.co' }, { deny: 'api.example.com' }], {
    ...who,
    ref: 'main',
  });
  const { stdout } = await run(t, tests, [web]);
  assert.equal(
    stdout,
    `tests/t.yaml
  FAIL  it (2)
        tests/t.yaml:13:11: allow npm → api.example.co, 443/TCP
          it is refused by default: no rule allows it
          api.example.com is allowed: is that what was meant?
          No rule tells processes apart: what holds for the job holds for all of its processes.
          There is no RunnerBinding among the policies: one is taken for granted that holds the job in Block and trusts no job names.
          No rule tells refs apart.
        tests/t.yaml:14:11: deny api.example.com, 443/TCP
          it is allowed by EgressPolicy ci/web allow[0] (p/p.yaml:12:11)
          There is no RunnerBinding among the policies: one is taken for granted that holds the job in Block and trusts no job names.
          No rule tells refs apart.
1 test, 2 expectations: 2 failed
`,
  );
});

test('JUnit: a testcase an expectation, with hostile words in it', async (t) => {
  const name = `a "b" <c> & ${String.fromCharCode(7)}`;
  const tests = suite({
    policies: ['../p'],
    who,
    tests: [{ name, expect: [{ allow: 'api.example.com' }, { deny: 'api.example.com' }] }],
  });
  const { folder } = await run(t, tests, [web]);
  const report = join(folder, 'report.xml');
  const ran = await torwacht('policy', 'test', join(folder, 'tests'), '--junit', report);
  assert.equal(ran.status, 1);
  const xml = readFileSync(report, 'utf8').replaceAll(`${folder}/`, '');
  assert.match(
    xml,
    /^<testsuites name="torwacht policy test" tests="2" failures="1" errors="0" skipped="0">$/m,
  );
  assert.match(
    xml,
    /<testcase classname="a &quot;b&quot; &lt;c&gt; &amp; \ufffd" name="allow api\.example\.com, 443\/TCP" file="tests\/t\.yaml" line="\d+"\/>/,
  );
  assert.match(
    xml,
    /<failure message="it is allowed by EgressPolicy ci\/web allow\[0\]">tests\/t\.yaml:\d+:\d+: deny/,
  );
  const nowhere = await torwacht(
    'policy',
    'test',
    join(folder, 'tests'),
    '--junit',
    join(folder, 'no', 'x'),
  );
  assert.equal(nowhere.status, 2);
  assert.match(nowhere.stderr, /TW_POLICY_TEST_OUTPUT/);
});

const unsound: Readonly<Record<string, readonly [tests: object | string, problem: RegExp]>> = {
  'a typo in a field': [
    suite({ policies: ['../p'], tests: [{ name: 'x', expects: [] }] }),
    /t\.yaml:8:7: spec\.tests\[0\]\.expects: unknown field "expects"\n {4}Did you mean "expect"\?/,
  ],
  'neither allow nor deny': [
    one([{ block: 'x.test' }]),
    /t\.yaml:\d+:11: .*expect\[0\]: must be one of allow and deny/,
  ],
  'both of them': [one([{ allow: 'x.test', deny: 'y.test' }]), /must be one of allow and deny/],
  'no destination': [one([{ deny: 'node →' }]), /expect\[0\]\.deny: a destination /],
  'a pattern': [one([{ deny: '*.a.test' }]), /expect\[0\]\.deny: a destination is a pattern/],
  'a destination that contradicts': [
    one([{ deny: { to: 'udp://x.test', protocol: 'tcp' } }]),
    /expect\[0\]\.deny\.to: a destination says udp/,
  ],
  'a reason that there is not': [
    one([{ deny: { to: 'x.test', reason: 'defautl' } }]),
    /deny\.reason: must be one of .*\n {4}Did you mean default\?/,
  ],
  'a number for a project': [
    one([{ deny: 'x.test' }], { project: 4711 }),
    /who\.project: .*\n.*"4711"/,
  ],
  'policies that are not there': [
    suite({ policies: ['../q'], tests: [{ name: 'x', expect: [{ deny: 'x.test' }] }] }),
    /t\.yaml:5:5: spec\.policies: .*q cannot be read/,
  ],
  'another kind': [web, /t\.yaml:2:7: kind: must be PolicyTest/],
  'no YAML': ['a: [', /t\.yaml:\d+:\d+: /],
  'nothing at all': ['', /holds no test/],
};

test('what is not sound is told with file and line, and nothing is tested', async (t) => {
  for (const [what, [tests, problem]] of Object.entries(unsound)) {
    const { status, stdout, stderr } = await run(t, tests, [web]);
    assert.equal(status, 3, `${what}: ${stdout}${stderr}`);
    assert.equal(stdout, '', what);
    assert.match(stderr, problem, what);
  }
  const broken = { ...web, spec: { allow: [{ fqdn: ['*'] }] } };
  const { status, stderr } = await run(t, one([{ deny: 'x.test' }]), [broken]);
  assert.equal(status, 3);
  assert.match(stderr, /^p\/p\.yaml:\d+:\d+: spec\.allow\[0\]\.fqdn\[0\]: /);
  assert.equal((await torwacht('policy', 'test', '/nonexistent')).status, 2);
});
