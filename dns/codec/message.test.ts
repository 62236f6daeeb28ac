import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  a,
  cname,
  soa,
  u16be,
  wireAnswer,
  wireName,
  wireQuery,
  type wireRecord,
} from '../testing/wire.ts';
import { decodeMessage } from './message.ts';

const query = wireQuery({ name: 'www.example.test' });

test('answers are read: addresses, aliases, and anything else as opaque data', () => {
  const txt = { name: 'www.example.test', type: 16, data: Buffer.from('\x02hi') };
  const records = [cname('www.example.test', 'cdn.test', 60), txt, a('cdn.test', '192.0.2.1', 7)];
  const message = decodeMessage(
    wireAnswer(query, { answers: records, authority: [soa('test', 900, 60)] }),
  );
  assert.ok(typeof message === 'object');
  assert.equal(message.name, 'www.example.test');
  assert.deepEqual(
    message.answers.map(({ name, type, ttl, address, target }) => [
      name,
      type,
      ttl,
      address,
      target,
    ]),
    [
      ['www.example.test', 5, 60, 0, 'cdn.test'],
      ['www.example.test', 16, 300, 0, null],
      ['cdn.test', 1, 7, 0xc0000201, null],
    ],
  );
  assert.deepEqual(
    message.authority.map(({ name, type }) => [name, type]),
    [['test', 6]],
  );
});

const record = (shape: Parameters<typeof wireRecord>[0]) => wireAnswer(query, { answers: [shape] });
const counts = (...values: number[]) =>
  Buffer.concat([query.subarray(0, 4), u16be(...values), query.subarray(12)]);
const malformed: readonly [what: string, bytes: Uint8Array, fault: string][] = [
  ['an address of 3 bytes', record({ name: 'x', type: 1, data: Buffer.alloc(3) }), 'rdata'],
  ['an address of 5 bytes', record({ name: 'x', type: 1, data: Buffer.alloc(5) }), 'rdata'],
  ['an alias with bytes behind it', record(cname('x', Buffer.from([1, 97, 0, 0]))), 'rdata'],
  ['an alias that leaves its record', record(cname('x', Buffer.from([5, 97]))), 'short'],
  ['an alias that points to itself', record(cname('x', Buffer.from([0xc0, 0x2f]))), 'pointer'],
  ['65535 answers in 34 bytes', counts(1, 65535, 0, 0), 'count'],
  ['65535 of everything', counts(65535, 65535, 65535, 65535), 'count'],
  ['an additional record that is not there', counts(1, 0, 0, 1), 'short'],
  ['two questions', counts(2, 0, 0, 0), 'count'],
  ['trailing bytes', Buffer.concat([wireAnswer(query, {}), Buffer.from([0])]), 'trailing'],
  ['a record cut off', record(a('x', '192.0.2.1')).subarray(0, -1), 'short'],
];

for (const [what, bytes, fault] of malformed) {
  test(`${what} is malformed`, () => assert.equal(decodeMessage(bytes), fault));
}

test('a TTL with the top bit set counts as zero', () => {
  const message = decodeMessage(record(a('x', '192.0.2.1', 0x80000001)));
  assert.ok(typeof message === 'object');
  assert.equal(message.answers[0]?.ttl, 0);
});

test('long names behind many pointers end at the cap', () => {
  const labels = wireName(...Array.from({ length: 120 }, () => 'a'));
  const question = Buffer.concat([labels, u16be(1, 1)]);
  // Each record repeats a hundred labels in 2 bytes; no two neighbours are the same, which would be quick.
  const record = (index: number) =>
    Buffer.concat([Buffer.from([0xc0, 14 + 2 * (index % 2)]), u16be(16, 1, 0, 0, 0)]);
  const answer = (count: number) =>
    Buffer.concat([
      u16be(1, 0x8180, 1, count, 0, 0),
      question,
      ...Array.from({ length: count }, (_, index) => record(index)),
    ]);
  assert.equal(decodeMessage(answer(400)), 'work');
  const some = decodeMessage(answer(30));
  assert.ok(typeof some === 'object');
  assert.deepEqual(new Set(some.answers.map((one) => one.name.length)), new Set([237, 235]));
});

test('owners that point to the same name are read once, whatever stands between', () => {
  const bytes = wireAnswer(query, {
    answers: [
      cname('www.example.test', 'cdn.test'),
      ...Array.from({ length: 3 }, (_, i) => a(`x${i}.test`, '192.0.2.1')),
    ],
  });
  const target = bytes.length - 3 * (9 + 14) - 10;
  const owned = (owner: number, last: number) =>
    Buffer.concat([u16be(0xc000 | owner, 1, 1, 0, 60, 4), Buffer.from([192, 0, 2, last])]);
  const records = [owned(target, 1), owned(target, 2), owned(12, 3), owned(target, 4)];
  const whole = Buffer.concat([bytes, ...records]);
  whole.writeUInt16BE(8, 6);
  const message = decodeMessage(whole);
  assert.ok(typeof message === 'object', String(message));
  assert.deepEqual(
    message.answers.slice(4).map((one) => one.name),
    ['cdn.test', 'cdn.test', 'www.example.test', 'cdn.test'],
  );
});
