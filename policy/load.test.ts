import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { loadPolicies } from '#agent/bundle/load.ts';
import { TorwachtError } from '#api/error.ts';
import { rounds } from '../test/runner/rounds.ts';
import { compile } from './compile.ts';
import { loadLimits, parsePolicies } from './load.ts';
import { yamlLimits } from './yaml-reader.ts';

const encoder = new TextEncoder();
const parse = (text: string, file = 'p.yaml') =>
  parsePolicies([{ file, content: encoder.encode(text) }]);

const head = 'apiVersion: torwacht.io/v1alpha1\nkind: EgressPolicy\nmetadata:\n  name: web\n';
const bindingHead = head.replace('EgressPolicy', 'RunnerBinding');

test('documents are read in order, with aliases and CRLF', () => {
  const text = `${head}spec:\n  allow:\n    - fqdn: &n [a.test]\n  deny:\n    - fqdn: *n\n      ports: [{port: 22}]\n`;
  const { documents, problems } = parse(
    `${text}---\n${bindingHead}spec: {}\n`.replaceAll('\n', '\r\n'),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    ['EgressPolicy', 'RunnerBinding'],
  );
  const [first] = documents;
  assert.ok(first?.kind === 'EgressPolicy');
  assert.deepEqual(first.spec.deny?.[0]?.fqdn, ['a.test']);
});

test('one bad document leaves none, for half a policy is another policy', () => {
  const { documents, problems } = parse(`${head}spec: {}\n---\n${bindingHead}spec: {mode: Off}\n`);
  assert.equal(problems.length, 1);
  assert.deepEqual(documents, []);
});

test('a document twice in two files names the first', () => {
  const content = encoder.encode(`${head}spec: {}\n`);
  const { problems } = parsePolicies([
    { file: 'a.yaml', content },
    { file: 'b.yaml', content },
  ]);
  assert.equal(problems[0]?.file, 'b.yaml');
  assert.equal(problems[0]?.message, 'EgressPolicy default/web is already in a.yaml:1');
});

test('an anchor that is defined anew counts from there on', () => {
  const again = `${head}spec:\n  presets: &a [&b npm]\n  allow:\n    - fqdn: &b [a.test]\n---\n`;
  const use = '  deny:\n    - fqdn: *a\n    - fqdn: *b\n';
  const { documents } = parse(again.replace('---\n', use));
  assert.ok(documents[0]?.kind === 'EgressPolicy');
  assert.deepEqual(
    documents[0].spec.deny?.map((rule) => rule.fqdn),
    [['npm'], ['a.test']],
  );
});

const bounded: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['a large file', `${head}spec: {}\n#${'x'.repeat(loadLimits.file)}`, /larger than 256 KiB/],
  ['many comments', '#\n'.repeat(yamlLimits.tokens), /holds too much/],
  ['many tokens', `[${'[],'.repeat(yamlLimits.tokens / 2)}]`, /holds too much/],
  ['deep flow collections', '['.repeat(100_000), /nested too deeply/],
  ['deep block collections', '- '.repeat(100_000), /nested too deeply/],
  [
    'aliases of aliases',
    [
      `${head}spec:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]`,
      ...Array.from({ length: 12 }, (_, i) => `  a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(10)}]`),
    ].join('\n'),
    /holds too much/,
  ],
  ['bytes that are not UTF-8', '', /not UTF-8/],
];
for (const [what, text, message] of bounded) {
  test(`bounded: ${what}`, () => {
    const content = text === '' ? Uint8Array.of(0xff, 0xfe, 0x41) : encoder.encode(text);
    const { problems } = parsePolicies([{ file: 'p.yaml', content }]);
    assert.match(problems[0]?.message ?? '', message);
    assert.ok(problems.length <= loadLimits.problems);
  });
}

test('many files are too much together before they are parsed', () => {
  const content = encoder.encode(`${head}spec: {}\n#`.padEnd(loadLimits.file, 'x'));
  const files = Array.from({ length: 17 }, (_, index) => ({ file: `${index}.yaml`, content }));
  assert.match(parsePolicies(files).problems.at(-1)?.message ?? '', /more than 4096 KiB/);
});

test('whatever is done to a document, loading and compiling end with documents or problems', () => {
  const good = `${head}spec:
  selector: {projects: ["314"], jobs: ["build*"]}
  presets: [npm, debian]
  allow:
    - fqdn: ["*.a.test", b.test]
      ports: [{port: 443}, {port: 8000, endPort: 8010, protocol: UDP}]
    - cidr: &c [192.0.2.0/24]
  deny:
    - cidr: *c
---
${bindingHead}spec: {gitlab: {url: "https://gitlab.test"}, modes: [{projects: ["1"], mode: Observe}]}
`;
  const token = fc.oneof(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      '-',
      '\n',
      '  ',
      '&c',
      '*c',
      '"',
      "'",
      '!',
      '|',
      '#',
      '%',
      '---',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const edit = fc.record({ at: fc.nat(good.length), cut: fc.nat(12), put: token });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 0, maxLength: 4 }), (edits) => {
      const text = edits.reduce(
        (current, { at, cut, put }) => current.slice(0, at) + put + current.slice(at + cut),
        good,
      );
      const { documents, problems } = parse(text);
      assert.equal(documents.length > 0, problems.length === 0);
      for (const { line, column, message, hint } of problems) {
        assert.ok(line >= 0 && column >= 0 && message !== '' && hint !== '');
        assert.match(message + hint, /^[\x20-\x7e]*$/);
      }
      compile(documents, { namespace: 'default', project: '314', job: 'build' });
    }),
    { numRuns: rounds(600) },
  );
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'torwacht-load-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a folder is its .yaml and .yml files in order, links followed, folders below left out', (t) => {
  const path = folder(t);
  const named = (name: string) => `${head.replace('web', name)}spec: {}\n`;
  mkdirSync(join(path, 'below'));
  writeFileSync(join(path, 'below', 'x.yaml'), 'broken: [');
  writeFileSync(join(path, 'readme.md'), 'broken: [');
  writeFileSync(join(path, '.hidden.yaml'), 'broken: [');
  writeFileSync(join(path, 'b.yaml'), named('b'));
  writeFileSync(join(path, 'a.yml'), named('a'));
  symlinkSync(join(path, 'b.yaml'), join(path, 'below', 'b'));
  const loaded = loadPolicies(path);
  assert.deepEqual(loaded.files, [join(path, 'a.yml'), join(path, 'b.yaml')]);
  assert.deepEqual(
    loaded.documents.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.equal(loadPolicies(join(path, 'below', 'b')).documents.length, 1);
});

test('a path that cannot be read is an error with a reason', (t) => {
  const path = folder(t);
  const missing = join(path, 'missing.yaml');
  assert.throws(() => loadPolicies(missing), {
    code: 'TW_POLICY_UNREADABLE',
    exit: 'usage',
    message: `The policy at ${missing} cannot be read: it does not exist.`,
  });
  assert.throws(() => loadPolicies(path), { code: 'TW_POLICY_EMPTY_FOLDER' });
  mkdirSync(join(path, 'folder.yaml'));
  assert.throws(
    () => loadPolicies(path),
    (error) => error instanceof TorwachtError && /it is not a file/.test(error.message),
  );
});

test('a file without end is too large and not waited for', () => {
  assert.match(loadPolicies('/dev/zero').problems[0]?.message ?? '', /larger than/);
});

test('of every document it is known where its fields stand', () => {
  const text = `# two
kind: EgressPolicy
apiVersion: torwacht.io/v1alpha1
metadata: {name: one}
spec:
  allow:
    - fqdn:
        - a.example.com
        - b.example.com
---
apiVersion: torwacht.io/v1alpha1
kind: EgressPolicy
metadata: {name: two}
spec: {presets: [npm]}
`;
  const { place } = parse(text, 'web.yaml');
  const at = (title: string, ...path: (string | number)[]) => {
    const found = place(title, path);
    return found === null ? null : `${found.file}:${found.line}:${found.column}`;
  };
  assert.equal(at('EgressPolicy default/one'), 'web.yaml:2:1');
  assert.equal(at('EgressPolicy default/one', 'spec', 'allow', 0, 'fqdn', 1), 'web.yaml:9:11');
  assert.equal(at('EgressPolicy default/two', 'spec', 'presets', 0), 'web.yaml:14:18');
  assert.equal(at('EgressPolicy default/three'), null);
});
