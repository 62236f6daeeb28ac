/**
 * The codec beside two others, dns-packet and dns2: they write messages of every type that an answer may
 * hold and we read them, and all three read the same bytes.
 *
 * One difference is known and wanted. Both others join labels with dots and leave a dot byte inside a label
 * as it is, so a name of the two labels `a.b` and `test` reads as one of three. A policy must tell them
 * apart: here it is `a\.b.test`. Names are compared after `merged` has taken that difference away; they
 * also keep the case of letters, which we do not.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { type Answer, decode, encode } from 'dns-packet';
import dns2 from 'dns2';
import fc from 'fast-check';
import { createMutator } from '../testing/mutate.ts';
import { a, cname, soa, u16be, wireAnswer, wireName, wireQuery } from '../testing/wire.ts';
import { decodeMessage, type Message } from './message.ts';

const label = fc.stringMatching(/^[a-z0-9_][a-z0-9_-]{0,10}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const text = fc.stringMatching(/^[a-z ]{1,40}$/);
const u8 = fc.nat(255);
const u16 = fc.nat(65535);
const u32 = fc.nat(0xffffffff);
const blob = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
/** Written out: dns2 makes something else of the short forms. */
const ipv6 = fc
  .array(u16, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));
const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 3 });
const types = fc.subarray(['A', 'AAAA', 'MX', 'TXT', 'SRV'], { minLength: 1 });

/** What dns-packet can write, by type. */
const packetData: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  A: fc.ipV4(),
  AAAA: ipv6,
  CNAME: name,
  DNAME: name,
  NS: name,
  PTR: name,
  TXT: some(text),
  NULL: blob,
  MX: fc.record({ preference: u16, exchange: name }),
  SRV: fc.record({ priority: u16, weight: u16, port: u16, target: name }),
  SOA: fc.record({
    ...{ mname: name, rname: name, serial: u32 },
    ...{ refresh: u32, retry: u32, expire: u32, minimum: u32 },
  }),
  CAA: fc.record({
    flags: fc.constant(128),
    tag: fc.constant('issue'),
    value: text,
    issuerCritical: fc.constant(true),
  }),
  HINFO: fc.record({ cpu: text, os: text }),
  RP: fc.record({ mbox: name, txt: name }),
  NAPTR: fc.record({
    ...{ order: u16, preference: u16, flags: fc.constant('s') },
    ...{ services: text, regexp: text, replacement: name },
  }),
  SSHFP: fc.record({
    ...{ algorithm: fc.constant(1), hash: fc.constant(1) },
    fingerprint: fc.constant('ab'.repeat(20)),
  }),
  DS: fc.record({ keyTag: u16, algorithm: u8, digestType: u8, digest: blob }),
  DNSKEY: fc.record({ flags: u16, algorithm: u8, key: blob }),
  RRSIG: fc.record({
    ...{ typeCovered: fc.constant('A'), algorithm: u8, labels: u8, originalTTL: u32 },
    ...{ expiration: u32, inception: u32, keyTag: u16, signersName: name, signature: blob },
  }),
  NSEC: fc.record({ nextDomain: name, rrtypes: types }),
  NSEC3: fc.record({
    ...{ algorithm: u8, flags: u8, iterations: u16, salt: blob },
    ...{ nextDomain: blob, rrtypes: types },
  }),
  TLSA: fc.record({ usage: u8, selector: u8, matchingType: u8, certificate: blob }),
};

/** What dns2 can write, as its own fields. */
const dns2Data: Readonly<Record<string, fc.Arbitrary<object>>> = {
  A: fc.record({ address: fc.ipV4() }),
  AAAA: fc.record({ address: ipv6 }),
  CNAME: fc.record({ domain: name }),
  PTR: fc.record({ domain: name }),
  NS: fc.record({ ns: name }),
  TXT: fc.record({ data: text }),
  MX: fc.record({ exchange: name, priority: u16 }),
  SRV: fc.record({ priority: u16, weight: u16, port: u16, target: name }),
  SOA: fc.record({
    ...{ primary: name, admin: name, serial: u32 },
    ...{ refresh: u32, retry: u32, expiration: u32, minimum: u32 },
  }),
};

const recordsOf = <T>(data: Readonly<Record<string, fc.Arbitrary<T>>>) =>
  fc.array(
    fc.oneof(
      ...Object.entries(data).map(([type, one]) =>
        fc.record({ type: fc.constant(type), name, ttl: fc.nat(0x7fffffff), data: one }),
      ),
    ),
    { maxLength: 12 },
  );

/** The three in one form: owner, type, TTL, and the data of the types that we decode. */
type Row = readonly [name: string, type: string, ttl: number, data: string | null];

const dotted = (address: number) =>
  [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.');
const numbers: Readonly<Record<string, number>> = dns2.Packet.TYPE;
const typeNames = new Map(Object.entries(numbers).map(([type, number]) => [number, type]));

/** A name of ours as the others would have it: escapes undone. */
function merged(text: string): string {
  const plain = text.replaceAll(/\\(\d{3}|.)/g, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number(escaped)) : escaped,
  );
  return folded(plain);
}

/** A name of theirs: the root is `.` to one and empty to the other. */
function folded(text: string): string {
  return text === '.' ? '' : text.toLowerCase();
}

function ours(message: Message): Row[] {
  return message.answers.map(({ name, type, ttl, address, target }) => [
    ...([merged(name), String(type), ttl] as const),
    type === 1 ? dotted(address) : target === null ? null : merged(target),
  ]);
}

function ofDnsPacket(bytes: Buffer, known: Message): Row[] {
  return (decode(bytes).answers ?? []).map((answer, i) => [
    folded(answer.name),
    // It names what it knows; the number is ours to compare with.
    ...([String(known.answers[i]?.type), 'ttl' in answer ? (answer.ttl ?? 0) : 0] as const),
    answer.type === 'A' ? answer.data : answer.type === 'CNAME' ? folded(answer.data) : null,
  ]);
}

function ofDns2(bytes: Buffer): Row[] {
  const packet = dns2.Packet.parse(bytes);
  assert.deepEqual(packet.errors, []);
  return packet.answers.map((answer) => [
    ...([folded(answer.name), String(answer.type), answer.ttl] as const),
    answer.type === 1
      ? (answer.address ?? null)
      : answer.type === 5
        ? folded(answer.domain ?? '')
        : null,
  ]);
}

function read(bytes: Buffer): Message {
  const message = decodeMessage(bytes);
  assert.ok(typeof message === 'object', String(message));
  return message;
}

test('messages of dns-packet, of every type that it writes, are read as it meant them', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(name, recordsOf(packetData), (question, records) => {
      const answers = records.map((record) => ({ class: 'IN', ...record }) as Answer);
      const bytes = encode({
        type: 'response',
        id: 7,
        questions: [{ type: 'A', name: question }],
        answers,
      });
      const message = read(bytes);
      assert.equal(message.name, question);
      const rows = ours(message);
      assert.deepEqual(
        rows.map(([owner, , ttl, data]) => [owner, ttl, data]),
        records.map(({ type, name, ttl, data }) => [
          name,
          ttl,
          type === 'A' || type === 'CNAME' ? data : null,
        ]),
      );
      assert.deepEqual(rows, ofDnsPacket(bytes, message));
      for (const { type } of records) seen.add(type);
    }),
    { numRuns: 600 },
  );
  assert.deepEqual([...seen].sort(), Object.keys(packetData).sort());
});

test('messages of dns2, which compresses names, are read as it meant them, by all three', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(name, recordsOf(dns2Data), (question, records) => {
      const packet = new dns2.Packet();
      packet.header.qr = 1;
      packet.questions.push(new dns2.Packet.Question(question, 1, 1));
      for (const { type, name, ttl, data } of records) {
        const resource = new dns2.Packet.Resource(name, numbers[type] ?? 0, 1, ttl);
        packet.answers.push(Object.assign(resource, data));
        seen.add(type);
      }
      const bytes = packet.toBuffer();
      const message = read(bytes);
      const rows = ours(message);
      assert.deepEqual(
        rows.map(([owner, type, ttl]) => [owner, typeNames.get(Number(type)), ttl]),
        records.map(({ name, type, ttl }) => [name, type, ttl]),
      );
      assert.deepEqual(rows, ofDns2(bytes));
      assert.deepEqual(rows, ofDnsPacket(bytes, message));
    }),
    { numRuns: 400 },
  );
  assert.deepEqual([...seen].sort(), Object.keys(dns2Data).sort());
});

test('names of any printable bytes are the same to all three, but for the dots that they merge', () => {
  const printable = fc
    .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 20 })
    .map((bytes) => Buffer.from(bytes));
  const labels = fc.array(printable, { minLength: 1, maxLength: 5 });
  let odd = 0;
  fc.assert(
    fc.property(labels, labels, (owner, target) => {
      const records = [
        cname('www.example.test', wireName(...owner)),
        cname('x', wireName(...target)),
      ];
      const bytes = wireAnswer(wireQuery(), { answers: records });
      const message = read(bytes);
      assert.deepEqual(ours(message), ofDnsPacket(bytes, message));
      assert.deepEqual(ours(message), ofDns2(bytes));
      if (message.answers[0]?.target?.includes('\\.') === true) odd += 1;
    }),
    { numRuns: 1000 },
  );
  assert.ok(odd > 20, `${odd} names with a dot in a label`);

  const [whole, split] = [wireName('a.b', 'test'), wireName('a', 'b', 'test')].map((name) =>
    wireAnswer(wireQuery(), { answers: [cname('www.example.test', name)] }),
  ) as [Buffer, Buffer];
  assert.notEqual(read(whole).answers[0]?.target, read(split).answers[0]?.target);
  assert.deepEqual(ofDns2(whole), ofDns2(split), 'dns2 takes one for the other');
  assert.deepEqual(
    ofDnsPacket(whole, read(whole)),
    ofDnsPacket(split, read(split)),
    'so does dns-packet',
  );
});

test('of mutants, what all read is read alike', () => {
  const mutator = createMutator(5);
  const records = [
    cname('www.example.test', 'b.test'),
    a('b.test', '192.0.2.1'),
    a('b.test', '192.0.2.2'),
  ];
  const seeds = [wireAnswer(wireQuery(), { answers: records, authority: [soa('test', 60, 60)] })];
  seeds.push(pointing([12, 16, 16, 24, 16, 24, 24, 12, 16]));
  let alike = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = mutator.mutate(mutator.pick(seeds), seeds);
    const message = decodeMessage(bytes);
    if (typeof message === 'string' || !isComparable(message)) continue;
    let theirs: Row[];
    try {
      theirs = ofDnsPacket(bytes, message);
    } catch {
      continue; // it looks into data that is opaque to us, and finds it broken
    }
    assert.deepEqual(ours(message), theirs, bytes.toString('hex'));
    alike += 1;
  }
  assert.ok(alike > 1000, `${alike} mutants were read by both`);
});

/** Addresses owned by the question's name and by its parents, as pointers. */
function pointing(owners: readonly number[]): Buffer {
  const query = wireQuery();
  const header = Buffer.concat([query.subarray(0, 2), u16be(0x8180, 1, owners.length, 0, 0)]);
  const records = owners.map((at) => u16be(0xc000 | at, 1, 1, 0, 60, 4, 0xc000, 0x0200 | at));
  return Buffer.concat([header, query.subarray(12), ...records]);
}

/** Where the two mean the same: printable names, class IN, TTLs that are not negative, types that both read. */
function isComparable({ answers }: Message): boolean {
  return answers.every(
    ({ name, target, class: klass, ttl, type }) =>
      klass === 1 &&
      ttl > 0 &&
      (type === 1 || type === 5) &&
      ![name, target ?? ''].some((text) => /\\\d/.test(text)),
  );
}
