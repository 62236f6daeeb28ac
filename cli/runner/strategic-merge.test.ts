import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergePatch, strategicMerge } from './strategic-merge.ts';

const list = (...names: string[]) => names.map((name) => ({ name }));
const init = (original: string[], ...patches: string[][]) =>
  patches.reduce((spec, patch) => strategicMerge(spec, { initContainers: list(...patch) }), {
    initContainers: list(...original),
  } as Readonly<Record<string, unknown>>).initContainers;

/** As tried with k8s.io/apimachinery, see facts of GitLab Runner on `pod_spec`. */
test('a new init container goes first', () => {
  assert.deepEqual(init(['init-permissions'], ['gate']), list('gate', 'init-permissions'));
  assert.deepEqual(
    init(['uid', 'init-permissions'], ['gate']),
    list('gate', 'uid', 'init-permissions'),
  );
  assert.deepEqual(init([], ['gate']), list('gate'));
});

test('two new ones keep their order, and a later patch goes before an earlier one', () => {
  assert.deepEqual(init(['p'], ['a', 'b']), list('a', 'b', 'p'));
  assert.deepEqual(init(['p'], ['a'], ['b']), list('b', 'a', 'p'));
});

test('a patch that names what is there first keeps that order', () => {
  assert.deepEqual(
    init(['init-permissions'], ['init-permissions', 'gate']),
    list('init-permissions', 'gate'),
  );
  assert.deepEqual(init(['a', 'b', 'c'], ['c', 'new']), list('a', 'b', 'c', 'new'));
  assert.deepEqual(init(['a', 'b', 'c'], ['new', 'b']), list('new', 'a', 'b', 'c'));
});

test('a list that is missing is made', () => {
  assert.deepEqual(strategicMerge({}, { initContainers: list('gate') }), {
    initContainers: list('gate'),
  });
});

const original = {
  restartPolicy: 'Never',
  containers: [
    {
      name: 'build',
      image: 'a',
      command: ['sh', '-c', 'x'],
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    { name: 'helper', image: 'h' },
  ],
  tolerations: [{ key: 'x' }],
  securityContext: { fsGroup: 1 },
};

const cases: readonly (readonly [what: string, patch: object, want: object])[] = [
  ['a field is set, others stay', { dnsPolicy: 'None' }, { ...original, dnsPolicy: 'None' }],
  [
    'maps merge',
    { securityContext: { runAsUser: 2 } },
    { ...original, securityContext: { fsGroup: 1, runAsUser: 2 } },
  ],
  [
    'null removes',
    { restartPolicy: null, securityContext: null },
    { containers: original.containers, tolerations: original.tolerations },
  ],
  [
    'a list without a merge key is replaced',
    { tolerations: [{ key: 'y' }] },
    { ...original, tolerations: [{ key: 'y' }] },
  ],
  [
    'a container of that name is merged in its place, its lists of words replaced, its variables by name',
    {
      containers: [
        { name: 'helper', command: ['true'] },
        { name: 'build', command: ['id'], env: [{ name: 'B', value: '3' }] },
      ],
    },
    {
      ...original,
      containers: [
        { name: 'helper', image: 'h', command: ['true'] },
        {
          name: 'build',
          image: 'a',
          command: ['id'],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '3' },
          ],
        },
      ],
    },
  ],
  [
    'an element is deleted',
    { containers: [{ name: 'build', $patch: 'delete' }] },
    { ...original, containers: [{ name: 'helper', image: 'h' }] },
  ],
  [
    'a list is replaced',
    { containers: [{ $patch: 'replace' }, { name: 'only' }] },
    { ...original, containers: [{ name: 'only' }] },
  ],
  [
    'a map is replaced',
    { securityContext: { $patch: 'replace', runAsUser: 2 } },
    { ...original, securityContext: { runAsUser: 2 } },
  ],
];

for (const [what, patch, want] of cases) {
  test(what, () => {
    const before = structuredClone(original);
    assert.deepEqual(strategicMerge(original, patch as Record<string, unknown>), want);
    assert.deepEqual(original, before, 'the original is not changed');
  });
}

test('a merge patch replaces lists: the barrier alone is left', () => {
  const spec = { a: { b: 1, c: 2 }, initContainers: list('p') };
  const patch = { a: { b: null }, initContainers: list('gate') };
  assert.deepEqual(mergePatch(spec, patch), { a: { c: 2 }, initContainers: list('gate') });
});
