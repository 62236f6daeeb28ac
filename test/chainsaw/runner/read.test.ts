import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES } from '../run.ts';
import { readCases } from './read.ts';
import { caseOf, folderOf } from './testing.ts';

const step = (operation: string) => `    - name: a\n      try:\n        - ${operation}\n`;

for (const [what, text, message] of [
  [
    'a field of Chainsaw that ours has not',
    caseOf(step('proxy: { apiVersion: v1, kind: Pod, name: a }')),
    /sample\/chainsaw-test\.yaml: spec\.steps\[0\]\.try\[0\]\.proxy: no field that our runner knows/,
  ],
  [
    'one within an operation',
    caseOf(step('script: { content: "true", workDir: /tmp }')),
    /spec\.steps\[0\]\.try\[0\]\.script\.workDir: no field/,
  ],
  ['a misspelled one', caseOf(step('asert: {}')), /try\[0\]\.asert: no field/],
  [
    'one of the case',
    caseOf(step('sleep: { duration: 1s }'), '  scenarios: []'),
    /spec\.scenarios/,
  ],
  [
    'one of a step',
    caseOf(`${step('sleep: { duration: 1s }')}      use: { template: a }\n`),
    /steps\[0\]\.use/,
  ],
  [
    'two operations in one',
    caseOf(step('{ sleep: { duration: 1s }, script: { content: "true" } }')),
    /try\[0\]: must say exactly one operation/,
  ],
  [
    'an expression where Chainsaw takes none',
    caseOf(step('apply: { resource: { apiVersion: v1, kind: Pod, metadata: { name: ($a) } } }')),
    /try\[0\]\.apply\.resource: may have no expression as name or namespace/,
  ],
  ['a duration without a unit', caseOf(step('sleep: { duration: "5" }')), /must be a duration/],
  [
    'what cannot run beside others',
    caseOf(step('sleep: { duration: 1s }')).replace('concurrent: false', 'concurrent: true'),
    /spec\.concurrent/,
  ],
  ['no YAML', 'a: [', /sample\/chainsaw-test\.yaml cannot be read/],
  ['no Test', '', /it must hold one Test/],
] as const) {
  test(`${what} is refused by file and field`, (t) => {
    const folder = folderOf(t, { sample: text });
    assert.throws(() => readCases(folder), { message });
  });
}

test('durations are as Go writes them', (t) => {
  const folder = folderOf(t, { sample: caseOf(step('sleep: { duration: 1m30.5s }')) });
  assert.equal(readCases(folder)[0]?.test.spec.steps[0]?.try[0]?.sleep?.duration, 90_500);
});

test('the cases of this repository are read, in their order, each with a README', () => {
  const cases = readCases(CASES);
  assert.deepEqual(
    cases.map(({ name }) => name.replace(/^\d-/, '')),
    cases.map(({ test }) => test.metadata.name),
  );
  assert.equal(cases[0]?.name, '1-install');
  assert.equal(cases.at(-1)?.name, '8-uninstall');
});
