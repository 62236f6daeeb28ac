import assert from 'node:assert/strict';
import { test } from 'node:test';
import { u16be, wireName, wireOpt, wireQuery, wireRecord } from '../testing/wire.ts';
import { decodeQuery, type QueryFault } from './query.ts';

const FORMERR = 1;
const NOTIMP = 4;
const www = wireName('www', 'test');
const second = Buffer.concat([wireName('evil', 'test'), u16be(1, 1)]);

const faults: readonly [what: string, bytes: Uint8Array, fault: QueryFault][] = [
  ['nothing', Buffer.alloc(0), 'drop'],
  ['a cut header', wireQuery().subarray(0, 11), 'drop'],
  ['an answer', wireQuery({ flags: 0x8180 }), 'drop'],
  ['an answer of another opcode', wireQuery({ flags: 0xa000 }), 'drop'],
  ['opcode STATUS', wireQuery({ flags: 0x1000 }), NOTIMP],
  ['opcode UPDATE', wireQuery({ flags: 0x2800 }), NOTIMP],
  ['no question', wireQuery({ counts: [0, 0, 0, 0] }), FORMERR],
  ['two questions', wireQuery({ counts: [2, 0, 0, 0], tail: second }), FORMERR],
  ['a second question behind one', wireQuery({ tail: second }), FORMERR],
  ['all counts at 65535', wireQuery({ counts: [65535, 65535, 65535, 65535] }), FORMERR],
  ['an answer count', wireQuery({ counts: [1, 1, 0, 0] }), FORMERR],
  ['an authority count', wireQuery({ counts: [1, 0, 1, 0] }), FORMERR],
  ['an additional count without record', wireQuery({ counts: [1, 0, 0, 1] }), FORMERR],
  ['two OPT', wireQuery({ counts: [1, 0, 0, 2], opt: wireOpt(512), tail: wireOpt(512) }), FORMERR],
  ['trailing bytes', wireQuery({ tail: Buffer.from([0]) }), FORMERR],
  ['bytes behind OPT', wireQuery({ opt: wireOpt(1232), tail: Buffer.from([0]) }), FORMERR],
  ['a cut OPT', wireQuery({ opt: wireOpt(1232).subarray(0, 10) }), FORMERR],
  [
    'an OPT with options beyond the end',
    wireQuery({ opt: Buffer.concat([wireOpt(1232).subarray(0, 9), u16be(255)]) }),
    FORMERR,
  ],
  [
    'another additional record',
    wireQuery({ opt: wireRecord({ name: '', type: 1, data: Buffer.from([1, 2, 3, 4]) }) }),
    FORMERR,
  ],
  ['a name that points at itself', wireQuery({ name: Buffer.from([0xc0, 12]) }), FORMERR],
  ['a name that points into the header', wireQuery({ name: Buffer.from([0xc0, 0]) }), FORMERR],
  ['a label of 64', wireQuery({ name: wireName('x'.repeat(64)) }), FORMERR],
  ['a name without end', wireQuery({ name: www.subarray(0, 9) }), FORMERR],
  ['no type and class', wireQuery().subarray(0, -4), FORMERR],
  ['half a class', wireQuery().subarray(0, -1), FORMERR],
];

for (const [what, bytes, fault] of faults) {
  test(`${what} is not a query`, () => assert.equal(decodeQuery(bytes), fault));
}

test('a query is read with its bits, type, class and OPT', () => {
  const opt = wireOpt(4096, 0, Buffer.concat([u16be(10, 8), Buffer.alloc(8, 0xaa)]));
  opt[7] = 0x80;
  const bytes = wireQuery({
    name: wireName('WwW', 'Test'),
    type: 65,
    class: 3,
    flags: 0x0110,
    opt,
  });
  const query = decodeQuery(bytes);
  assert.ok(typeof query === 'object');
  assert.deepEqual(
    [query.id, query.flags, query.name, query.plain, query.type, query.class, query.questionEnd],
    [0x1234, 0x0110, 'www.test', true, 65, 3, 12 + 10 + 4],
  );
  assert.deepEqual(query.edns, { size: 4096, version: 0, dnssecOk: true });
});
