import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import dns2 from 'dns2';
import { wireName, wireOpt, wireQuery } from '../testing/wire.ts';
import { encodeFault, encodeQuery, encodeReply, type Reply, udpLimit } from './encode.ts';
import { decodeMessage } from './message.ts';
import { decodeQuery, type Query } from './query.ts';

function parsed(bytes: Uint8Array): Query {
  const query = decodeQuery(bytes);
  assert.ok(typeof query === 'object');
  return query;
}

const mixed = wireName('wWw', 'ExaMple', 'tesT');
const many = Array.from({ length: 32 }, (_, i) => 0xc6336400 + i);

test('a reply keeps id, case, RD, CD and DO of its query, and nothing else of it', () => {
  const opt = wireOpt(1232, 0, Buffer.from([0, 10, 0, 2, 0xde, 0xad]));
  opt[7] = 0x80;
  const query = parsed(
    wireQuery({ id: 0xbeef, name: mixed, flags: 0x07f0 & ~0x0080 & 0x0330, opt }),
  );
  const reply = encodeReply(query, { rcode: 0, addresses: [0xc0000201], ttl: 77 }, 1232);
  assert.equal(reply.readUInt16BE(0), 0xbeef);
  assert.equal(reply.readUInt16BE(2), 0x8180 | 0x10, 'QR, RD, RA and CD; not TC or AD');
  assert.deepEqual(reply.subarray(12, 12 + mixed.length), mixed);
  assert.equal(reply.includes(Buffer.from([0xde, 0xad])), false);
  const oracle = decode(reply);
  assert.deepEqual(
    oracle.answers?.map((answer) => [
      answer.name,
      answer.type,
      'ttl' in answer && answer.ttl,
      'data' in answer && answer.data,
    ]),
    [['wWw.ExaMple.tesT', 'A', 77, '192.0.2.1']],
  );
  const edns = oracle.additionals?.[0];
  assert.ok(edns?.type === 'OPT');
  assert.deepEqual([edns.udpPayloadSize, edns.flag_do, edns.options.length], [1232, true, 0]);
});

test('a chain of aliases and many addresses are read alike by both oracles', () => {
  const query = parsed(wireQuery({ name: 'www.example.test' }));
  const reply: Reply = { rcode: 0, chain: ['a.cdn.test', 'b.cdn.test'], addresses: many, ttl: 60 };
  const bytes = encodeReply(query, reply, 0xffff);
  const aliases = [
    ['www.example.test', 'a.cdn.test'],
    ['a.cdn.test', 'b.cdn.test'],
  ];
  const expected = [...aliases, ...many.map((_, i) => ['b.cdn.test', `198.51.100.${i}`])];
  assert.deepEqual(
    decode(bytes).answers?.map((answer) => [answer.name, 'data' in answer && answer.data]),
    expected,
  );
  const packet = dns2.Packet.parse(bytes);
  assert.deepEqual(packet.errors, []);
  assert.deepEqual(
    packet.answers.map((answer) => [answer.name, answer.domain ?? answer.address]),
    expected,
  );
});

test('what does not fit is left out and said with TC, at every size', () => {
  const query = parsed(wireQuery({ opt: wireOpt(1232) }));
  const reply: Reply = { rcode: 0, chain: ['x'.repeat(60), 'y.test'], addresses: many, ttl: 60 };
  const whole = encodeReply(query, reply, 0xffff);
  for (let limit = 60; limit <= whole.length; limit++) {
    const bytes = encodeReply(query, reply, limit);
    assert.ok(bytes.length <= limit);
    const message = decodeMessage(bytes);
    assert.ok(typeof message === 'object', `limit ${limit}: ${message}`);
    assert.equal((message.flags & 0x0200) !== 0, limit < whole.length);
    assert.deepEqual(decode(bytes).additionals?.[0]?.type, 'OPT');
  }
});

test('the size by UDP is what the client said, between 512 and 1232', () => {
  const limit = (size: number) => udpLimit(parsed(wireQuery({ opt: wireOpt(size) })));
  assert.deepEqual(
    [0, 511, 512, 900, 1232, 4096, 65535].map(limit),
    [512, 512, 512, 900, 1232, 1232, 1232],
  );
  assert.equal(udpLimit(parsed(wireQuery())), 512);
});

test('a code above 15 is split between header and OPT', () => {
  const reply = encodeReply(parsed(wireQuery({ opt: wireOpt(512, 1) })), { rcode: 16 }, 512);
  assert.equal(reply.readUInt16BE(2) & 15, 0);
  const edns = decode(reply).additionals?.[0];
  assert.ok(edns?.type === 'OPT');
  assert.deepEqual([edns.extendedRcode, edns.ednsVersion], [1, 0]);
});

test('a text answer is cut into strings of 255', () => {
  const query = parsed(wireQuery({ type: 16 }));
  const text = 'ab'.repeat(200);
  const [answer] = decode(encodeReply(query, { rcode: 0, text }, 1232)).answers ?? [];
  assert.ok(answer?.type === 'TXT' && Array.isArray(answer.data));
  assert.deepEqual(
    answer.data.map((part) => part.length),
    [255, 145],
  );
  assert.equal(answer.data.join(''), text);
  for (const bad of ['a\nb', 'ä', 'x'.repeat(1001)]) {
    assert.throws(() => encodeReply(query, { rcode: 0, text: bad }, 1232), { code: 'TW_DNS_TEXT' });
  }
});

test('a fault is answered by a header alone', () => {
  const fault = encodeFault(wireQuery({ id: 0xabcd, flags: 0x2900 }), 4);
  assert.equal(fault.toString('hex'), `abcda984${'0000'.repeat(4)}`);
});

test('an upstream query is our own from the first byte to the last', () => {
  const bytes = encodeQuery(0x0102, 'a-b.example.test');
  const query = parsed(bytes);
  assert.deepEqual(
    [query.id, query.flags, query.name, query.type, query.class],
    [0x0102, 0x0100, 'a-b.example.test', 1, 1],
  );
  assert.deepEqual(query.edns, { size: 1232, version: 0, dnssecOk: false });
  assert.equal(bytes.length, query.questionEnd + 11);
});
