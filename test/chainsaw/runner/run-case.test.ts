import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeError } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { of, runSteps } from './testing.ts';

const made = `
        - apply:
            resource:
              apiVersion: v1
              kind: ConfigMap
              metadata: { name: one }
              data: { color: red }
`;
const expected = (color: string) => `
            resource:
              apiVersion: v1
              kind: ConfigMap
              metadata: { name: one }
              data: { color: ${color} }
`;

test('what is applied is found, and removed with its namespace when the case is over', async (t) => {
  const { api, faults } = await runSteps(
    t,
    `    - name: a\n      try:${made}        - assert:${expected('red')}        - error:${expected('blue')}`,
  );
  assert.deepEqual(faults, []);
  const namespace = /chainsaw-[0-9a-f]{8}/.exec(api.writes[0] ?? '')?.[0];
  assert.deepEqual(api.writes, [
    `create namespaces ${namespace}`,
    `create configmaps ${namespace}/one`,
    `delete configmaps ${namespace}/one`,
    `delete namespaces ${namespace}`,
  ]);
});

test('an assertion that does not hold fails the case, and says what differs', async (t) => {
  const { faults, api, lines } = await runSteps(
    t,
    `    - name: a\n      try:${made}        - assert:${expected('blue')}    - name: b\n      try:${made}`,
  );
  assert.equal(faults.length, 1);
  assert.match(
    faults[0] ?? '',
    /^assert ConfigMap chainsaw-\w+\/one: ConfigMap chainsaw-\w+\/one\n {4}data\.color: "red" is not "blue"$/,
  );
  assert.doesNotMatch(lines.join('\n'), /^ {2}b$/m, 'nothing behind it is run');
  assert.match(lines.at(-1) ?? '', /^=== sample FAILED/);
  assert.deepEqual(api.list(of('configmaps')), [], 'what was made is removed all the same');
});

test('an object that is not there fails an assertion, and one that is so fails an error', async (t) => {
  const absent = await runSteps(
    t,
    `    - name: a\n      try:\n        - assert:${expected('red')}`,
  );
  assert.match(absent.faults[0] ?? '', /no such object is there/);
  const there = await runSteps(
    t,
    `    - name: a\n      try:${made}        - error:${expected('red')}`,
  );
  assert.match(there.faults[0] ?? '', /^error ConfigMap .*\/one: so is ConfigMap .*\/one$/);
});

test('a refusal that is expected passes by its text alone', async (t) => {
  const refusing = () => {
    const api = new MemoryApi();
    api.refuse = (write) => {
      if (write.startsWith('create configmaps')) throw new KubeError('KUBE_FORBIDDEN', 'not red');
    };
    return api;
  };
  const create = (text: string) => `    - name: a
      try:
        - create:${expected('red')}
            expect:
              - check:
                  ($error != null): true
                  (contains($error, '${text}')): true
`;
  assert.deepEqual((await runSteps(t, create('not red'), { api: refusing() })).faults, []);
  const other = await runSteps(t, create('not blue'), { api: refusing() });
  assert.match(other.faults[0] ?? '', /\(contains\(\$error, 'not blue'\)\): false is not true/);
  const taken = await runSteps(t, create('not red'));
  assert.match(taken.faults[0] ?? '', /\(\$error != null\): false is not true|cannot be evaluated/);
  const unasked = await runSteps(t, `    - name: a\n      try:${made}`, { api: refusing() });
  assert.match(unasked.faults[0] ?? '', /^apply ConfigMap .*: not red$/);
});

test('a script has its environment and its folder, and what it prints goes on', async (t) => {
  const { faults, api, lines } = await runSteps(
    t,
    `    - name: a
      try:
        - script:
            env: [{ name: COLOR, value: ($values.color) }]
            content: cat beside.txt; printf %s "$COLOR $NAMESPACE $KUBECONFIG"
            check:
              ($error): null
              ($stdout): "(join('', ['beside', $values.color, ' ', $namespace, ' /nowhere']))"
            outputs: [{ name: printed, value: ($stdout) }]
        - apply:
            file: map.yaml
            bindings: [{ name: name, value: "(join('-', [$values.color, 'map']))" }]
        - assert:
            resource:
              apiVersion: v1
              kind: ConfigMap
              metadata: { name: red-map }
              (contains(data.printed, 'beside')): true
`,
    {
      values: { color: 'red' },
      files: {
        'beside.txt': 'beside',
        'map.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ($name) }\ndata: { printed: ($printed) }\n',
      },
    },
  );
  assert.deepEqual(faults, []);
  assert.ok(api.writes.some((write) => /create configmaps .*\/red-map/.test(write)));
  assert.ok(lines.some((line) => line.startsWith('    | beside')));
});

test('a script that fails, prints the wrong thing or does not end fails the case', async (t) => {
  const script = (content: string, more = '') =>
    runSteps(
      t,
      `    - name: a\n      try:\n        - script:\n            content: ${content}\n${more}`,
    );
  const failing = await script('echo because >&2; exit 3');
  assert.equal(failing.faults[0], 'script: exit status 3\n    because');
  const wrong = await script('echo red', '            check: { ($stdout): "blue\\n" }\n');
  assert.equal(wrong.faults[0], 'script: ($stdout): "red\\n" is not "blue\\n"\n    red');
  const endless = await script('sleep 60 | sleep 60', '            timeout: 100ms\n');
  assert.match(endless.faults[0] ?? '', /it had not ended after 0\.1 s/);
  assert.ok(endless.seconds < 30);
  const unset = await runSteps(
    t,
    `    - name: a
      try:
        - command:
            entrypoint: echo
            args: [$NAMESPACE, "\${COLOR}", $UNSET]
            env: [{ name: COLOR, value: red }]
            check:
              (contains($stdout, 'red $UNSET')): true
              (starts_with($stdout, $namespace)): true
`,
  );
  assert.deepEqual(unset.faults, []);
});

test('catch tells, finally and cleanup run; each is in its place', async (t) => {
  const say = (word: string) => `{ script: { content: echo ${word} } }`;
  const { lines, faults } = await runSteps(
    t,
    `    - name: a
      try: [${say('try-a')}]
      catch: [${say('never')}]
      cleanup: [${say('cleanup-a')}]
    - name: b
      try: [{ script: { content: exit 1 } }, ${say('never')}]
      catch: [${say('catch-b')}]
      finally: [${say('finally-b')}]
      cleanup: [${say('cleanup-b')}]
`,
    { more: `  catch: [${say('catch')}]` },
  );
  const words = lines.flatMap((line) => /^ {4}\| (.*)/.exec(line)?.[1] ?? []);
  const order = ['try-a', 'catch', 'catch-b', 'finally-b', 'cleanup-b', 'cleanup-a'];
  assert.deepEqual(words, order);
  assert.deepEqual(faults, ['script: exit status 1']);
});

test('what stood there before is changed, and not removed', async (t) => {
  const api = new MemoryApi();
  api.put(of('namespaces'), { metadata: { name: 'theirs', labels: { a: 'b' } } });
  const { faults } = await runSteps(
    t,
    `    - name: a
      try:
        - patch:
            resource: { apiVersion: v1, kind: Namespace, metadata: { name: theirs, labels: { a: c } } }
        - assert:
            resource: { apiVersion: v1, kind: Namespace, metadata: { name: theirs, labels: { a: c } } }
`,
    { api },
  );
  assert.deepEqual(faults, []);
  assert.ok(api.get(of('namespaces'), { name: 'theirs' }));
});

test('a step that keeps what it made, and one that removes by itself', async (t) => {
  const { api, faults } = await runSteps(
    t,
    `    - name: a
      skipDelete: true
      try:${made}
    - name: b
      try:
        - create: { file: two.yaml }
        - delete: { ref: { apiVersion: v1, kind: ConfigMap, name: two } }
`,
    { files: { 'two.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two }\n' } },
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(
    api.list(of('configmaps')).map(({ metadata }) => metadata.name),
    ['one'],
  );
});
