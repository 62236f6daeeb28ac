import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './schema.ts';
import { differences } from './tree.ts';

const pod: Json = {
  metadata: { name: 'job', labels: { app: 'web', tier: 'ci' } },
  status: {
    phase: 'Running',
    ready: 2,
    wanted: 2,
    ended: null,
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Reconciling', status: 'False' },
    ],
  },
};

const rows: readonly (readonly [what: string, expected: Json, said: readonly string[]])[] = [
  ['what is not named may be as it likes', { metadata: { labels: { app: 'web' } } }, []],
  ['a value', { status: { phase: 'Done' } }, ['status.phase: "Running" is not "Done"']],
  ['a field', { status: { phas: 'Running' } }, ['status.phas: is not there']],
  ['below a field that is not there', { spec: { a: 1 } }, ['spec: is not there']],
  ['null', { status: { ended: null } }, []],
  ['null, where something is', { status: { ready: null } }, ['status.ready: 2 is not null']],
  ['an empty map is something', { status: { ended: {} } }, ['status.ended: nothing is there']],
  [
    'lists are equal in length',
    { status: { conditions: [{ type: 'Ready' }] } },
    [
      'status.conditions: 2 entries, not 1: [{"type":"Ready","status":"True"},{"type":"Reconciling","status":"False"}]',
    ],
  ],
  ['entries need not be whole', { status: { conditions: [{ type: 'Ready' }, {}] } }, []],
  [
    'an expression as a key',
    { status: { "(conditions[?type == 'Ready'].status | [0])": 'False' } },
    ['status.(conditions[?type == \'Ready\'].status | [0]): "True" is not "False"'],
  ],
  ['an expression over two fields', { status: { '(ready == wanted)': true } }, []],
  [
    'a number in an expression',
    { status: { '(ready > `2`)': true } },
    ['status.(ready > `2`): false is not true'],
  ],
  ['an expression as a value', { metadata: { name: '($name)' } }, []],
  ['a binding as a key', { "(contains($text, 'x'))": false }, []],
  [
    'each difference is told',
    { metadata: { name: 'other' }, status: { phase: 'Done' } },
    ['metadata.name: "job" is not "other"', 'status.phase: "Running" is not "Done"'],
  ],
];

for (const [what, expected, said] of rows) {
  test(`${what}: ${said.length === 0 ? 'holds' : 'differs'}`, () => {
    assert.deepEqual(differences(expected, pod, { name: 'job', text: 'abc' }), said);
  });
}

for (const [expected, message] of [
  [{ status: { ready: '2' } }, /status\.ready: "2" is expected, and 2 is no such thing/],
  [{ status: { conditions: { a: 1 } } }, /status\.conditions\.a: .* is expected/],
  [{ metadata: ['job'] }, /metadata: \["job"\] is expected/],
  [{ '($unknown)': 1 }, /\(\$unknown\) cannot be evaluated/],
  [{ '(cel; x)': 1 }, /it names another language/],
  [{ '~.(conditions)': 1 }, /no loops and names in keys/],
  [{ '(metadata)->m': 1 }, /no loops and names in keys/],
] as const satisfies readonly (readonly [Json, RegExp])[]) {
  test(`${JSON.stringify(expected)} is a mistake, and no difference to be waited for`, () => {
    assert.throws(() => differences(expected, pod, {}), { message });
  });
}
