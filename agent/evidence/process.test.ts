import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processRecord } from '#bpf/layout.ts';
import type { ProcessRecord } from '#bpf/records.ts';
import { Processes, processFields } from './process.ts';

const nobody = () => false;
const padded = (text: string, size: number) => {
  const field = Buffer.alloc(size);
  Buffer.from(text).copy(field);
  return field;
};

interface Told {
  readonly comm?: string;
  readonly exe?: string;
  readonly argv?: string;
  /** The parent first, as the kernel has it. */
  readonly ancestors?: readonly (readonly [pid: number, comm: string])[];
}

function record({ comm = 'node', exe = '/bin/node', argv = '', ancestors = [] }: Told) {
  const bytes = processRecord.write({
    start: 5n,
    pid: 100,
    uid: 1000,
    ancestors: ancestors.length,
    comm: padded(comm, 16),
    exe: padded(exe, 128),
    argv: padded(argv, 128),
    argv_size: Buffer.byteLength(argv),
    ancestor: ancestors.map(([pid, name]) => ({ pid, comm: padded(name, 16) })),
  });
  return processRecord.read(bytes) as ProcessRecord;
}

test('ancestors are told oldest first, the parent apart', () => {
  const ancestors = [
    [30, 'sh'],
    [20, 'npm'],
    [10, 'bash'],
  ] as const;
  assert.deepEqual(processFields(record({ ancestors, argv: 'node\0a.js\0' }), nobody), {
    pid: 100,
    comm: 'node',
    parent_comm: 'sh',
    exe: '/bin/node',
    argv: 'node a.js',
    uid: 1000,
    ancestry: [
      { pid: 10, comm: 'bash' },
      { pid: 20, comm: 'npm' },
      { pid: 30, comm: 'sh' },
    ],
  });
});

test('who runs the target, and what is above, is no ancestor of it', () => {
  const ancestors = [
    [30, 'sh'],
    [20, 'torwacht'],
    [10, 'bash'],
  ] as const;
  const fields = processFields(record({ ancestors }), (pid) => pid === 20);
  assert.deepEqual(fields.ancestry, [{ pid: 30, comm: 'sh' }]);
  const first = processFields(record({ ancestors: [[20, 'torwacht']] }), (pid) => pid === 20);
  assert.equal(first.parent_comm, null);
  assert.deepEqual(first.ancestry, []);
});

test('what was never seen is null', () => {
  const fields = processFields(record({ exe: '', argv: '' }), nobody);
  assert.deepEqual([fields.exe, fields.argv, fields.parent_comm], [null, null, null]);
});

for (const [what, argv, shown] of [
  ['words', 'npm\0ci\0', 'npm ci'],
  ['an empty word', 'a\0\0b\0', "a '' b"],
  ['blanks', 'sh\0-c\0curl x\0', "sh -c 'curl x'"],
  ['quotes', 'a\'b\0"c\0', "'a\\x27b' '\"c'"],
  ['a new line', 'a\nb\0', 'a\\x0ab'],
  ['a word that was cut off', 'a\0unfinis', 'a unfinis'],
] as const) {
  test(`arguments with ${what} are one line that can be read back`, () => {
    assert.equal(processFields(record({ argv }), nobody).argv, shown);
  });
}

test('hostile names are escaped wherever they stand', () => {
  const comm = '\x1b[31m';
  const fields = processFields(
    record({ comm, exe: `/tmp/${comm}`, ancestors: [[1, comm]] }),
    nobody,
  );
  assert.equal(fields.comm, '\\x1b[31m');
  assert.equal(fields.exe, '/tmp/\\x1b[31m');
  assert.equal(fields.parent_comm, '\\x1b[31m');
});

test('rows of a process share its fields, until it is called otherwise or somebody above is outside', () => {
  const outside = new Set<number>();
  const processes = new Processes((pid) => outside.has(pid));
  const ancestors = [
    [30, 'sh'],
    [20, 'npm'],
  ] as const;
  const first = processes.fieldsOf(record({ ancestors, argv: 'node\0' }));
  assert.equal(processes.fieldsOf(record({ ancestors, argv: 'node\0' })), first);
  for (const change of [{ comm: 'x' }, { exe: '/x' }, { argv: 'node\0x\0' }, { ancestors: [] }]) {
    const other = record({ ancestors, argv: 'node\0', ...change });
    assert.deepEqual(
      processes.fieldsOf(other),
      processFields(other, () => false),
    );
  }
  outside.add(20);
  assert.deepEqual(processes.fieldsOf(record({ ancestors, argv: 'node\0' })).ancestry, [
    { pid: 30, comm: 'sh' },
  ]);
});
