/**
 * Hostile bytes: mutated messages and random ones go through the codec and through a whole resolver.
 * Nothing throws, nothing takes more work than is allowed (counted, not timed), and what is read is read
 * the same when it is written and read again. TORWACHT_SEED=… tries the same again, TORWACHT_MESSAGES=… more.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { decideAnswer } from '#dns/answer.ts';
import { MAX_NAME_BYTES, MAX_RECORDS } from '#dns/codec/constants.ts';
import { encodeQuery, encodeReply } from '#dns/codec/encode.ts';
import { decodeMessage } from '#dns/codec/message.ts';
import { decodeQuery } from '#dns/codec/query.ts';
import type { Client } from '#dns/ports.ts';
import { createResolver } from '#dns/resolver.ts';
import { hostileAnswers, hostileQueries } from '#dns/testing/hostile.ts';
import { createMutator, type Mutator } from '#dns/testing/mutate.ts';
import { judgeBy } from '#dns/testing/verdicts.ts';
import { a, cname, soa, wireAnswer, wireName, wireOpt, wireQuery } from '#dns/testing/wire.ts';

const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const cases = Number(process.env.TORWACHT_MESSAGES ?? 200_000);
const NAME = 'www.example.test';
const sent = encodeQuery(7, NAME);
const judge = judgeBy({ '*': 'allowed', 'denied.test': 'deny-rule' });

const queries: readonly Buffer[] = [
  wireQuery(),
  wireQuery({ type: 28, opt: wireOpt(1232, 0, Buffer.from([0, 10, 0, 2, 1, 2])) }),
  wireQuery({ name: wireName('a.b', '\xff\x00', 'test') }),
  ...hostileQueries().flatMap(({ bytes }) => (bytes.length < 1000 ? [bytes] : [])),
];
const chain = [cname(NAME, 'b.test'), cname('b.test', 'c.test'), a('c.test', '198.51.100.7')];
const answers: readonly Buffer[] = [
  wireAnswer(sent, { answers: chain, authority: [soa('test', 60, 60)] }),
  wireAnswer(sent, { answers: [cname(NAME, 'denied.test'), a(NAME, '10.0.0.1')] }),
  wireAnswer(sent, { rcode: 3, authority: [soa('test', 60, 60)] }),
  compressed(),
];

/** What it stands for with the names as pointers, as servers write them. */
function compressed(): Buffer {
  const question = sent.subarray(12, sent.length - 11);
  const target = 12 + question.length + 12;
  const alias = Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, 99, 100, 110, 0xc0, 16]);
  const address = Buffer.from([0xc0, target, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7]);
  const header = Buffer.from([0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
  return Buffer.concat([header, question, alias, address]);
}

/** Two thirds are mutants of messages, the rest are random. */
function hostileBytes(mutator: Mutator, from: readonly Buffer[]): Buffer {
  return mutator.int(3) > 0 ? mutator.mutate(mutator.pick(from), from) : mutator.bytes(300);
}

test(`${cases} hostile messages are read or found malformed, within the work allowed (seed ${seed})`, () => {
  const mutator = createMutator(seed);
  const read = { query: 0, message: 0, answer: 0 };
  for (let i = 0; i < cases; i++) {
    const bytes = hostileBytes(mutator, i % 2 === 0 ? queries : answers);
    const query = decodeQuery(bytes);
    if (typeof query === 'object') {
      read.query += 1;
      assert.deepEqual(readAgain(query.bytes), [query.name, query.type, query.class]);
    }
    const message = decodeMessage(bytes);
    if (typeof message === 'string') continue;
    read.message += 1;
    assert.ok(message.work <= MAX_NAME_BYTES);
    assert.ok(message.answers.length + message.authority.length <= MAX_RECORDS);
    if (checkAnswer(bytes)) read.answer += 1;
  }
  // Mutants that are all refused at the first byte would show nothing.
  for (const [what, count] of Object.entries(read)) {
    assert.ok(count > cases / 100, `seed ${seed}: only ${count} of ${what}`);
  }
});

/** The question of a reply to these bytes, or of an error that says so. */
function readAgain(bytes: Uint8Array) {
  const query = decodeQuery(bytes);
  assert.ok(typeof query === 'object');
  const reply = encodeReply(
    query,
    { rcode: 0, addresses: [1, 2], chain: ['x.test'], ttl: 1 },
    0xffff,
  );
  const again = decodeMessage(reply);
  assert.ok(typeof again === 'object', `seed ${seed}: a reply of ours is malformed: ${again}`);
  assert.deepEqual(
    again.answers.map(({ address, target }) => target ?? address),
    ['x.test', 1, 2],
  );
  return [again.name, again.type, again.class];
}

/** What an answer says is the same after it was written for the client and read again. */
function checkAnswer(bytes: Buffer): boolean {
  // The first bytes are as they must be, or a mutant seldom gets further.
  const answer = Buffer.from(bytes);
  sent.copy(answer, 0, 0, 2);
  const decided = decideAnswer(sent, answer, { private: false, judge });
  if (decided.kind !== 'answer' || decided.refusal !== null) return false;
  const { facts } = decided;
  const query = decodeQuery(sent);
  assert.ok(typeof query === 'object');
  const again = decideAnswer(sent, encodeReply(query, facts, 0xffff), { private: false, judge });
  assert.ok(again.kind === 'answer', `seed ${seed}: ${again.kind}`);
  assert.deepEqual(again.facts.addresses, facts.addresses);
  // A chain without addresses is told as a name without any.
  if (facts.addresses.length > 0) assert.deepEqual(again.facts, facts);
  return true;
}

test('a message costs a bounded number of reads, malformed or not', () => {
  const mutator = createMutator(seed);
  let reads = 0;
  const counted = (bytes: Buffer): Uint8Array =>
    new Proxy(bytes, {
      get(target, key) {
        if (typeof key === 'string' && key !== 'length') reads += 1;
        return Reflect.get(target, key);
      },
    });
  const hostile = [...hostileAnswers(sent), ...hostileQueries()].map(({ bytes }) => bytes);
  const mutants = Array.from({ length: 500 }, () => mutator.mutate(mutator.pick(hostile), hostile));
  for (const bytes of [...hostile, ...mutants]) {
    reads = 0;
    const view = counted(bytes);
    decodeMessage(view);
    decodeQuery(view);
    // Each record has some 30 reads besides names; additional ones are skipped label by label.
    const most = 2 * MAX_NAME_BYTES + MAX_RECORDS * (30 + 128);
    assert.ok(reads <= most, `seed ${seed}: ${reads} reads of ${bytes.length} bytes`);
  }
});

const client: Client = { address: '127.0.0.1', port: 4000, transport: 'udp' };

test(`a resolver answers or drops whatever comes from either side (seed ${seed})`, async () => {
  const mutator = createMutator(seed);
  const known = [...answers, ...hostileAnswers(sent).map(({ bytes }) => bytes)];
  const asked = [...queries, ...hostileQueries().map(({ bytes }) => bytes)];
  const faults: unknown[] = [];
  const seen = { replies: 0, dropped: 0, learned: 0, refused: 0, allowed: 0 };
  const create = () =>
    createResolver({
      judge: () => judge,
      mode: () => (mutator.int(2) === 0 ? 'Block' : 'Observe'),
      attached: () => 'attached',
      upstream: {
        query: (query) => {
          const whole = Buffer.from(mutator.pick(known));
          const answer = mutator.int(4) === 0 ? whole : mutator.mutate(whole, known);
          if (mutator.int(4) > 0 && answer.length > 2)
            query.subarray(0, 2).forEach((byte, i) => {
              answer[i] = byte;
            });
          return Promise.resolve(answer);
        },
      },
      sink: {
        prepare: () => undefined,
        abandon: () => undefined,
        learn: (_name, addresses) => {
          seen.learned += 1;
          assert.ok(addresses.length > 0);
        },
      },
      evidence: {
        refused: () => {
          seen.refused += 1;
        },
        allowed: () => {
          seen.allowed += 1;
        },
      },
      fault: (error) => faults.push(error),
      clock: () => 0,
      random: () => 7,
    });
  let resolver = create();
  for (let i = 0; i < cases / 4; i++) {
    if (i % 1000 === 0) resolver = create();
    const bytes = mutator.int(4) === 0 ? mutator.pick(asked) : hostileBytes(mutator, asked);
    const reply = await resolver.handle(bytes, client);
    if (reply === null) seen.dropped += 1;
    else {
      seen.replies += 1;
      assert.ok(reply.length <= 1232, `seed ${seed}: ${reply.length} bytes by UDP`);
      assert.deepEqual(reply.subarray(0, 2), bytes.subarray(0, 2));
    }
  }
  assert.deepEqual(faults, [], `seed ${seed}`);
  for (const [what, count] of Object.entries(seen)) {
    assert.ok(count > 10, `seed ${seed}: only ${count} ${what}`);
  }
});
