import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAnswer, MAX_ADDRESSES, MAX_CHAIN } from './answer.ts';
import { encodeQuery } from './codec/encode.ts';
import { matchAnswer } from './match.ts';
import { judgeBy } from './testing/verdicts.ts';
import {
  type AnswerShape,
  a,
  cname,
  soa,
  wireAnswer,
  wireName,
  wireQuery,
} from './testing/wire.ts';

const judge = judgeBy({
  'evil.test': 'deny-rule',
  'dns.google': 'doh',
  'metadata.test': 'metadata',
  'good.test': 'allowed',
});
const query = encodeQuery(7, 'www.test');

function decide(shape: AnswerShape, options: { private?: boolean } = {}) {
  const context = { private: options.private ?? false, judge };
  return decideAnswer(query, wireAnswer(query, shape), context);
}

function facts(shape: AnswerShape) {
  const decision = decide(shape);
  assert.ok(decision.kind === 'answer', decision.kind);
  return decision.facts;
}

const refusal = (shape: AnswerShape, options?: { private: boolean }) => {
  const decision = decide(shape, options);
  assert.ok(decision.kind === 'answer', decision.kind);
  return decision.refusal;
};

test('addresses are those at the end of the chain that starts at the question', () => {
  const { chain, addresses, ttl } = facts({
    answers: [
      a('other.test', '203.0.113.9'),
      cname('b.test', 'c.test', 50),
      cname('www.test', 'b.test', 100),
      cname('loose.test', 'd.test'),
      a('d.test', '203.0.113.8'),
      a('www.test', '203.0.113.7'),
      a('c.test', '203.0.113.1', 40),
      a('c.test', '203.0.113.2', 200),
      a('c.test', '203.0.113.1', 200),
    ],
  });
  assert.deepEqual(chain, ['b.test', 'c.test']);
  assert.deepEqual(addresses, [0xcb007101, 0xcb007102]);
  assert.equal(ttl, 40);
});

test('names compare without case, and label by label', () => {
  const upper = { ...a('x', '203.0.113.1'), name: wireName('WWW', 'tesT') };
  assert.deepEqual(facts({ answers: [upper] }).addresses, [0xcb007101]);
  const merged = { ...a('x', '203.0.113.1'), name: wireName('www.test') };
  assert.deepEqual(facts({ answers: [merged] }).addresses, []);
});

test('another class or type gives no address', () => {
  const chaos = { ...a('www.test', '203.0.113.1'), class: 3 };
  const aaaa = { name: 'www.test', type: 28, data: Buffer.alloc(16) };
  assert.deepEqual(facts({ answers: [chaos, aaaa] }).addresses, []);
});

test('a broken chain has no addresses', () => {
  const broken = facts({ answers: [cname('www.test', 'b.test'), a('c.test', '203.0.113.1')] });
  assert.deepEqual([broken.chain, broken.addresses, broken.rcode], [['b.test'], [], 0]);
});

test('loops and endless chains are useless answers', () => {
  const loop = [cname('www.test', 'b.test'), cname('b.test', 'www.test')];
  assert.equal(decide({ answers: [...loop, a('www.test', '203.0.113.1')] }).kind, 'next');
  assert.equal(decide({ answers: [cname('www.test', 'www.test')] }).kind, 'next');
  const chain = (length: number) => [
    cname('www.test', 'n1.test'),
    ...Array.from({ length: length - 1 }, (_, i) => cname(`n${i + 1}.test`, `n${i + 2}.test`)),
    a(`n${length}.test`, '203.0.113.1'),
  ];
  assert.equal(facts({ answers: chain(MAX_CHAIN) }).addresses.length, 1);
  assert.equal(decide({ answers: chain(MAX_CHAIN + 1) }).kind, 'next');
});

const names: readonly [
  target: string | Uint8Array,
  reason: string | null,
  always: boolean,
  rule: number | null,
][] = [
  ['unlisted.test', null, false, null],
  ['good.test', null, false, null],
  ['evil.test', 'cname', false, 1],
  ['EVIL.Test', 'cname', false, 1],
  ['dns.google', 'cname', true, 2],
  ['metadata.test', 'cname', true, 3],
  [wireName('evil.test'), 'cname', true, 0],
  [wireName('a b', 'evil', 'test'), 'cname', true, 0],
];
for (const [target, reason, always, rule] of names) {
  const shown = JSON.stringify(typeof target === 'string' ? target : target.toString());
  test(`an alias ${shown} is refused: ${reason}, always: ${always}`, () => {
    const first = refusal({ answers: [cname('www.test', target), a('x.test', '203.0.113.1')] });
    assert.deepEqual(
      [first?.reason ?? null, first?.always ?? false, first?.rule ?? null],
      [reason, always, rule],
    );
    const last = refusal({ answers: [cname('www.test', 'cdn.test'), cname('cdn.test', target)] });
    assert.equal(last?.reason ?? null, reason);
  });
}

test('a denied name beside the chain refuses nothing', () => {
  const answers = [
    cname('x.test', 'evil.test'),
    a('evil.test', '203.0.113.1'),
    a('www.test', '203.0.113.2'),
  ];
  assert.equal(refusal({ answers }), null);
});

const ranges: readonly [
  address: string,
  plain: 'refused' | 'public',
  byPrivate: 'refused' | 'allowed',
][] = [
  ['203.0.113.1', 'public', 'allowed'],
  ['1.2.3.4', 'public', 'allowed'],
  ['223.255.255.255', 'public', 'allowed'],
  ['9.255.255.255', 'public', 'allowed'],
  ['10.0.0.0', 'refused', 'allowed'],
  ['10.255.255.255', 'refused', 'allowed'],
  ['11.0.0.0', 'public', 'allowed'],
  ['100.63.255.255', 'public', 'allowed'],
  ['100.64.0.1', 'refused', 'allowed'],
  ['100.127.255.255', 'refused', 'allowed'],
  ['100.100.100.200', 'refused', 'refused'],
  ['127.0.0.1', 'refused', 'allowed'],
  ['127.255.0.1', 'refused', 'allowed'],
  ['168.63.129.16', 'refused', 'refused'],
  ['168.63.129.17', 'public', 'allowed'],
  ['169.254.169.254', 'refused', 'refused'],
  ['169.254.1.1', 'refused', 'refused'],
  ['172.16.0.1', 'refused', 'allowed'],
  ['172.31.255.255', 'refused', 'allowed'],
  ['172.32.0.0', 'public', 'allowed'],
  ['192.168.1.1', 'refused', 'allowed'],
  ['0.0.0.0', 'refused', 'refused'],
  ['0.1.2.3', 'refused', 'refused'],
  ['224.0.0.1', 'refused', 'refused'],
  ['240.0.0.1', 'refused', 'refused'],
  ['255.255.255.255', 'refused', 'refused'],
];
for (const [address, plain, byPrivate] of ranges) {
  test(`an answer ${address} is ${plain}; with private: true, ${byPrivate}`, () => {
    // The good address first: it must not carry the bad one along.
    const answers = [a('www.test', '203.0.113.5'), a('www.test', address)];
    const found = refusal({ answers });
    assert.equal(found?.reason ?? 'public', plain === 'public' ? 'public' : 'private-answer');
    const inside = refusal({ answers }, { private: true });
    assert.equal(inside === null ? 'allowed' : 'refused', byPrivate);
    if (found !== null) assert.equal(found.always, byPrivate === 'refused');
  });
}

test('what is refused always is named before what Observe lets pass', () => {
  const found = refusal({ answers: [a('www.test', '10.0.0.1'), a('www.test', '169.254.169.254')] });
  assert.deepEqual([found?.address, found?.always], [0xa9fea9fe, true]);
});

test('at most 32 addresses are kept', () => {
  const answers = Array.from({ length: 60 }, (_, i) => a('www.test', `203.0.113.${i}`));
  assert.equal(facts({ answers }).addresses.length, MAX_ADDRESSES);
});

const ttls: readonly [given: number, kept: number][] = [
  [0, 30],
  [29, 30],
  [31, 31],
  [3600, 3600],
  [86400, 3600],
  [0x7fffffff, 3600],
  [0x80000000, 30],
];
for (const [given, kept] of ttls) {
  test(`a TTL of ${given} s becomes ${kept} s`, () => {
    assert.equal(facts({ answers: [a('www.test', '203.0.113.1', given)] }).ttl, kept);
  });
}

const negatives: readonly [soa: [number, number] | null, kept: number][] = [
  [null, 5],
  [[0, 900], 5],
  [[900, 60], 60],
  [[60, 900], 60],
  [[9000, 9000], 300],
];
for (const [times, kept] of negatives) {
  test(`a negative answer with SOA ${times} lives ${kept} s`, () => {
    const authority = times === null ? [] : [soa('test', ...times)];
    for (const rcode of [0, 3]) {
      const found = facts({ rcode, authority });
      assert.deepEqual([found.rcode, found.addresses.length, found.ttl], [rcode, 0, kept]);
    }
  });
}

const other = (change: (bytes: Buffer) => void) => {
  const bytes = wireAnswer(query, { answers: [a('www.test', '203.0.113.1')] });
  change(bytes);
  return bytes;
};
const matches: readonly [what: string, bytes: Uint8Array, match: string][] = [
  ['the answer', other(() => {}), 'final'],
  ['another id', other((bytes) => bytes.writeUInt16BE(8, 0)), 'ignore'],
  ['a query', other((bytes) => bytes.writeUInt16BE(0x0100, 2)), 'ignore'],
  ['another opcode', other((bytes) => bytes.writeUInt16BE(0xa180, 2)), 'ignore'],
  ['another name', wireAnswer(encodeQuery(7, 'wwx.test'), { answers: [] }), 'ignore'],
  ['a longer name', wireAnswer(encodeQuery(7, 'www.test.test'), { answers: [] }), 'ignore'],
  ['the name in another case', other((bytes) => bytes.writeUInt8(0x57, 13)), 'ignore'],
  ['the name with its dot inside a label', other((bytes) => bytes.writeUInt8(8, 12)), 'ignore'],
  ['another type', wireAnswer(wireQuery({ id: 7, name: 'www.test', type: 28 }), {}), 'ignore'],
  ['another class', other((bytes) => bytes.writeUInt16BE(3, 24)), 'ignore'],
  ['no question', other((bytes) => bytes.writeUInt16BE(0, 4)), 'ignore'],
  ['two questions', other((bytes) => bytes.writeUInt16BE(2, 4)), 'ignore'],
  ['a header', other(() => {}).subarray(0, 12), 'ignore'],
  ['nothing', Buffer.alloc(0), 'ignore'],
  ['TC', other((bytes) => bytes.writeUInt16BE(0x8380, 2)), 'truncated'],
  ['FORMERR', other((bytes) => bytes.writeUInt16BE(0x8181, 2)), 'next'],
  ['SERVFAIL', other((bytes) => bytes.writeUInt16BE(0x8182, 2)), 'next'],
  ['REFUSED', other((bytes) => bytes.writeUInt16BE(0x8185, 2)), 'next'],
  ['NXDOMAIN', other((bytes) => bytes.writeUInt16BE(0x8183, 2)), 'final'],
  ['a malformed record', other(() => {}).subarray(0, -1), 'next'],
  ['65535 records', other((bytes) => bytes.writeUInt16BE(65535, 6)), 'next'],
];
for (const [what, bytes, match] of matches) {
  test(`${what} matches: ${match}`, () => {
    assert.equal(matchAnswer(query, bytes), match);
    const { kind } = decideAnswer(query, bytes, { private: false, judge });
    assert.equal(kind, match === 'final' ? 'answer' : match);
  });
}
