import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import type { Node } from '../resources.ts';
import { agentFindings } from './check.ts';
import { isHeld, type Pod } from './held.ts';
import { readOnceOptions } from './options.ts';
import { stillHeld } from './uninstall.ts';

const binding = (spec: object): RunnerBinding =>
  runnerBindingSchema.parse({
    apiVersion,
    kind: 'RunnerBinding',
    metadata: { name: 'runners', namespace: 'ci' },
    spec: { gitlab: { url: 'https://gitlab.example.com' }, ...spec },
  });
const exempt = [{ serviceAccount: 'runner', controller: { kind: 'Deployment', name: 'runner' } }];
const pod = (namespace: string, labels: Record<string, string> = {}, phase = 'Running'): Pod => ({
  metadata: { namespace, name: 'job', labels },
  spec: { nodeName: 'n1' },
  status: { phase },
});

const held: readonly (readonly [what: string, pod: Pod, spec: object, held: boolean])[] = [
  ['a pod of its namespace', pod('ci'), {}, true],
  ['one that waits for a node', pod('ci', {}, 'Pending'), {}, true],
  ['one that has ended', pod('ci', {}, 'Succeeded'), {}, false],
  ['one that has failed', pod('ci', {}, 'Failed'), {}, false],
  ['one of another namespace', pod('web'), {}, false],
  ['one of a namespace that it names', pod('web'), { selector: { namespaces: ['web'] } }, true],
  ['one without its labels', pod('ci'), { selector: { podLabels: { a: 'b' } } }, false],
  ['the runner itself', pod('ci', { 'torwacht.io/exempt': 'true' }), { exempt }, false],
  ['one that only says so', pod('ci', { 'torwacht.io/exempt': 'true' }), {}, true],
];
for (const [what, one, spec, expected] of held) {
  test(`${what} is ${expected ? '' : 'not '}held`, () => {
    assert.equal(isHeld(one, [binding(spec)]), expected);
  });
}

test('a refusal names pods and their nodes, and says what to do', () => {
  const many = Array.from({ length: 12 }, () => pod('ci'));
  const said = stillHeld(many, 'egress').join('\n');
  assert.match(said, /are held: 12\n {2}ci\/job on n1\n[\s\S]*and 2 more\n/);
  assert.match(said, /annotate namespace egress torwacht\.io\/uninstall=force/);
});

const node = (name: string, status: 'True' | 'False' | 'Unknown' = 'True'): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status }] },
});
const agent = (name: string, status: 'True' | 'False') => ({
  metadata: { name },
  status: {
    conditions: [
      {
        type: 'Ready',
        status,
        reason: 'RuntimeLost',
        message: 'No.',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
});

test('agents are ready where every ready node has one that says so', () => {
  const [all] = agentFindings([node('a'), node('b', 'Unknown')], [agent('a', 'True')]);
  assert.deepEqual(all, { good: true, said: 'Agents are ready on all 1 ready nodes.' });
  const two = agentFindings([node('a'), node('b')], [agent('a', 'False')]);
  assert.deepEqual(
    two.map(({ good, said }) => [good, said]),
    [
      [false, 'The agent of node a is not ready: RuntimeLost. No.'],
      [false, 'The agent of node b has said nothing yet.'],
    ],
  );
  assert.equal(agentFindings([node('a', 'False')], [])[0]?.good, false);
});

test('what is no number of seconds, or no flag, is an error', () => {
  assert.equal(readOnceOptions(['--wait', '5']).wait, 5000);
  for (const args of [['--wait', 'soon'], ['--wait=-1'], ['--nope'], ['more']]) {
    assert.throws(() => readOnceOptions(args), { code: 'TW_OPERATOR_OPTION' });
  }
});
