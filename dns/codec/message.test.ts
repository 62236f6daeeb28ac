import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, encode } from 'dns-packet';
import dns2 from 'dns2';
import fc from 'fast-check';
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
import { MAX_STEPS } from './constants.ts';
import { encodeQuery, encodeReply } from './encode.ts';
import { decodeMessage } from './message.ts';
import { decodeQuery } from './query.ts';

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

/** Names that all three codecs read alike: without bytes that the others lose. */
const oracleName = fc
  .array(fc.stringMatching(/^[a-z0-9_][a-z0-9_-]{0,10}$/), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const oracleAnswer = fc.record({
  name: oracleName,
  ttl: fc.integer({ min: 0, max: 86400 }),
  record: fc.oneof(
    fc.record({ type: fc.constant('A' as const), data: fc.ipV4() }),
    fc.record({ type: fc.constant('CNAME' as const), data: oracleName }),
    fc.record({ type: fc.constant('TXT' as const), data: fc.stringMatching(/^[a-z]{1,20}$/) }),
  ),
});

const oracleTypes = { A: 1, CNAME: 5, TXT: 16 } as const;
const oracleKeys = { A: 'address', CNAME: 'domain', TXT: 'data' } as const;

test('valid messages of dns-packet and of dns2 are read as they were meant', () => {
  fc.assert(
    fc.property(oracleName, fc.array(oracleAnswer, { maxLength: 8 }), (name, list) => {
      const answers = list.map(
        ({ name, ttl, record }) => ({ name, ttl, class: 'IN', ...record }) as Answer,
      );
      const expected = list.map(({ name, ttl, record }) => [
        name,
        ttl,
        record.type === 'A'
          ? record.data.split('.').reduce((sum, n) => sum * 256 + Number(n), 0)
          : 0,
        record.type === 'CNAME' ? record.data : null,
      ]);
      const plain = encode({
        type: 'response',
        id: 7,
        questions: [{ type: 'A', name }],
        answers,
      });
      const packet = new dns2.Packet();
      packet.header.id = 7;
      packet.header.qr = 1;
      packet.questions.push(new dns2.Packet.Question(name, 1, 1));
      for (const { name, ttl, record } of list) {
        const resource = new dns2.Packet.Resource(name, oracleTypes[record.type], 1, ttl);
        const key = oracleKeys[record.type];
        packet.answers.push(Object.assign(resource, { [key]: record.data }));
      }
      // dns2 compresses names, dns-packet does not: both ways are read.
      for (const bytes of [plain, packet.toBuffer()]) {
        const message = decodeMessage(bytes);
        assert.ok(typeof message === 'object', String(message));
        assert.deepEqual([message.id, message.name], [7, name]);
        assert.deepEqual(
          message.answers.map(({ name, ttl, address, target }) => [name, ttl, address, target]),
          expected,
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('arbitrary bytes are read or found malformed, never more, within the step cap', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      decodeQuery(bytes);
      const message = decodeMessage(bytes);
      if (typeof message === 'object') assert.ok(message.steps <= MAX_STEPS);
    }),
    { numRuns: 1000 },
  );
});

test('mutated messages are read or found malformed, and what is read can be answered', () => {
  const seeds = [
    wireQuery({ type: 28 }),
    encodeQuery(1, 'registry.example.test'),
    wireAnswer(query, {
      answers: [cname('www.example.test', 'b.test'), a('b.test', '192.0.2.1')],
      authority: [soa('test', 60, 60)],
    }),
  ];
  // A small generator with a fixed seed: a failure can be repeated.
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  let read = 0;
  for (let round = 0; round < 60_000; round++) {
    const bytes = Buffer.from(seeds[round % seeds.length] as Buffer);
    for (let i = random(4); i >= 0; i--) bytes[random(bytes.length)] = random(256);
    const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
    const asQuery = decodeQuery(cut);
    if (typeof asQuery === 'object') {
      read++;
      const reply = encodeReply(asQuery, { rcode: 0, addresses: [1], ttl: 1 }, 512);
      assert.equal(reply.readUInt16BE(0), asQuery.id);
    }
    const message = decodeMessage(cut);
    if (typeof message === 'object') {
      read++;
      assert.ok(message.steps <= MAX_STEPS);
    }
  }
  assert.ok(read > 5000, `only ${read} mutants were still messages`);
});

test('long names behind many pointers end at the step cap', () => {
  const labels = wireName(...Array.from({ length: 120 }, () => 'a'));
  const question = Buffer.concat([labels, u16be(1, 1)]);
  // Each record repeats 120 labels in 2 bytes; the pointer goes one label in, past the quick way.
  const one = Buffer.concat([Buffer.from([0xc0, 14]), u16be(16, 1, 0, 0, 0)]);
  const bytes = Buffer.concat([
    u16be(1, 0x8180, 1, 400, 0, 0),
    question,
    ...Array.from({ length: 400 }, () => one),
  ]);
  assert.equal(decodeMessage(bytes), 'work');
});
