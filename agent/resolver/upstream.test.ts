import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { encodeQuery } from '#dns/codec/encode.ts';
import { type AnswerShape, a, wireAnswer } from '#dns/testing/wire.ts';
import { createRandom16 } from './random.ts';
import { deadPort, type Seen, startAuthority } from './testing/authority.ts';
import { createUpstream, type UpstreamOptions } from './upstream.ts';
import { formatServerAddress, parseServerAddress } from './upstream-address.ts';
import { QUERIES_PER_SOCKET } from './upstream-sockets.ts';

const good: AnswerShape = { answers: [a('www.test', '203.0.113.1')] };
const query = encodeQuery(0x0bad, 'www.test');
const answered = (seen: Seen): Buffer => wireAnswer(seen.query, good);
const expected = wireAnswer(query, good);

function pool(t: TestContext, servers: readonly string[], options: Partial<UpstreamOptions> = {}) {
  const upstream = createUpstream({
    servers,
    clock: () => 0,
    random: createRandom16(),
    timeout: 200,
    ...options,
  });
  t.after(() => upstream.close());
  return upstream;
}

test('the answer comes back under the id of the query', async (t) => {
  const authority = await startAuthority(t, (seen) => [answered(seen)]);
  const upstream = pool(t, [authority.server]);
  assert.deepEqual(Buffer.from(await upstream.query(query, 'www.test')), expected);
  const [seen] = authority.seen;
  assert.deepEqual(seen?.query.subarray(2), query.subarray(2), 'all but the id goes out as it is');
  assert.equal(query.readUInt16BE(0), 0x0bad, 'the caller keeps its message');
});

test('each query has an id and a source port that cannot be told ahead', async (t) => {
  const authority = await startAuthority(t, (seen) => [answered(seen)]);
  const upstream = pool(t, [authority.server]);
  const rounds = QUERIES_PER_SOCKET * 8;
  for (let i = 0; i < rounds; i++) await upstream.query(query, 'www.test');
  const ids = new Set(authority.seen.map((seen) => seen.query.readUInt16BE(0)));
  const ports = new Set(authority.seen.map((seen) => seen.port));
  assert.ok(ids.size > rounds * 0.9, `${ids.size} ids`);
  assert.ok(ports.size > 4, `${ports.size} ports: sockets are replaced`);
  assert.ok(ports.size < 20, `${ports.size} ports: but not for each query`);
});

const spoofs: readonly [what: string, forge: (seen: Seen) => Buffer][] = [
  [
    'another id',
    ({ query }) =>
      wireAnswer(Buffer.concat([Buffer.from([(query[0] as number) ^ 1]), query.subarray(1)]), good),
  ],
  [
    'another question',
    ({ query }) =>
      wireAnswer(
        Buffer.concat([query.subarray(0, 2), encodeQuery(0, 'wwx.test').subarray(2)]),
        good,
      ),
  ],
  ['the query itself', ({ query }) => query],
  [
    'another case',
    ({ query }) => {
      const forged = wireAnswer(query, good);
      forged[13] = 0x57;
      return forged;
    },
  ],
  ['an empty datagram', () => Buffer.alloc(0)],
  ['one byte', () => Buffer.alloc(1)],
];
for (const [what, forge] of spoofs) {
  test(`${what} does not end the wait for the answer`, async (t) => {
    const authority = await startAuthority(t, (seen) => [forge(seen), forge(seen), answered(seen)]);
    const answer = await pool(t, [authority.server], { timeout: 5000 }).query(query, 'www.test');
    assert.deepEqual(Buffer.from(answer), expected);
    assert.equal(authority.seen.length, 1);
  });
}

test('an answer from another address is not heard', async (t) => {
  const { createSocket } = await import('node:dgram');
  const liar = createSocket('udp4');
  t.after(() => liar.close());
  await new Promise<void>((resolve) => liar.bind(0, '127.0.0.1', resolve));
  const bad: AnswerShape = { answers: [a('www.test', '203.0.113.66')] };
  const authority = await startAuthority(t, (seen) => {
    liar.send(wireAnswer(seen.query, bad), seen.port, '127.0.0.1', () => {
      authority.seen.push(seen);
    });
    return [];
  });
  const late = await startAuthority(t, (seen) => [answered(seen)]);
  const answer = await pool(t, [authority.server, late.server]).query(query, 'www.test');
  assert.deepEqual(Buffer.from(answer), expected);
  assert.equal(authority.seen.length, 2, 'the lie was sent');
});

test('a server that no socket can be opened to, as one without a route, is passed over', async (t) => {
  // To the address of a broadcast the kernel connects nobody.
  const nowhere = '255.255.255.255';
  const authority = await startAuthority(t, (seen) => [answered(seen)]);
  const servers = pool(t, [nowhere, authority.server]);
  for (const _ of [1, 2]) {
    assert.deepEqual(Buffer.from(await servers.query(query, 'www.test')), expected);
  }
  await assert.rejects(pool(t, [nowhere]).query(query, 'www.test'), {
    code: 'TW_RESOLVER_NO_ANSWER',
  });
});

const useless: readonly [what: string, reply: (seen: Seen) => readonly Buffer[]][] = [
  ['SERVFAIL', ({ query }) => [wireAnswer(query, { rcode: 2 })]],
  ['REFUSED', ({ query }) => [wireAnswer(query, { rcode: 5 })]],
  ['NOTIMP', ({ query }) => [wireAnswer(query, { rcode: 4 })]],
  ['a broken message', (seen) => [answered(seen).subarray(0, -1)]],
  ['silence', () => []],
];
for (const [what, reply] of useless) {
  test(`after ${what} the next server is asked, under another id`, async (t) => {
    const first = await startAuthority(t, reply);
    const second = await startAuthority(t, (seen) => [answered(seen)]);
    const upstream = pool(t, [first.server, second.server]);
    assert.deepEqual(Buffer.from(await upstream.query(query, 'www.test')), expected);
    assert.deepEqual([first.seen.length, second.seen.length], [1, 1]);
  });
}

test('a server where nobody listens is passed over at once and asked last from then on', async (t) => {
  let now = 0;
  const second = await startAuthority(t, (seen) => [answered(seen)]);
  const dead = `127.0.0.1:${await deadPort()}`;
  // Far longer than the test may take: only the refused port can move it on.
  const upstream = pool(t, [dead, second.server], { timeout: 60_000, clock: () => now });
  assert.deepEqual(Buffer.from(await upstream.query(query, 'www.test')), expected);
  const third = await startAuthority(t, (seen) => [answered(seen)]);
  now = 1;
  await upstream.query(query, 'www.test');
  assert.deepEqual([second.seen.length, third.seen.length], [2, 0]);
});

test('a server that was silent stands last for a while, then first again', async (t) => {
  let now = 0;
  let silent = true;
  const first = await startAuthority(t, (seen) => (silent ? [] : [answered(seen)]));
  const second = await startAuthority(t, (seen) => [answered(seen)]);
  const upstream = pool(t, [first.server, second.server], { clock: () => now });
  await upstream.query(query, 'www.test');
  silent = false;
  await upstream.query(query, 'www.test');
  assert.deepEqual([first.seen.length, second.seen.length], [1, 2]);
  now = 60_000;
  await upstream.query(query, 'www.test');
  assert.deepEqual([first.seen.length, second.seen.length], [2, 2]);
});

test('a truncated answer is asked for again by TCP', async (t) => {
  const authority = await startAuthority(t, (seen) =>
    seen.transport === 'udp' ? [wireAnswer(seen.query, { flags: 0x8380 })] : [answered(seen)],
  );
  const upstream = pool(t, [authority.server]);
  assert.deepEqual(Buffer.from(await upstream.query(query, 'www.test')), expected);
  assert.deepEqual(
    authority.seen.map((seen) => seen.transport),
    ['udp', 'tcp'],
  );
});

test('a TCP answer that is cut, forged or missing leads to the next server', async (t) => {
  const forgeries = [
    (seen: Seen) => [
      wireAnswer(encodeQuery(1, 'wwx.test'), good).fill(seen.query.subarray(0, 2), 0, 2),
    ],
    (seen: Seen) => [wireAnswer(seen.query, { flags: 0x8380 })],
    () => [],
  ];
  for (const forge of forgeries) {
    const first = await startAuthority(t, (seen) =>
      seen.transport === 'udp' ? [wireAnswer(seen.query, { flags: 0x8380 })] : forge(seen),
    );
    const second = await startAuthority(t, (seen) => [answered(seen)]);
    const upstream = pool(t, [first.server, second.server]);
    assert.deepEqual(Buffer.from(await upstream.query(query, 'www.test')), expected);
    assert.equal(second.seen.length, 1);
  }
});

test('when no server helps, the error says who and why, after a bounded number of tries', async (t) => {
  const authority = await startAuthority(t, ({ query }) => [wireAnswer(query, { rcode: 2 })]);
  await assert.rejects(pool(t, [authority.server]).query(query, 'www.test'), {
    code: 'TW_RESOLVER_NO_ANSWER',
    message: `No DNS server gave a usable answer for www.test; the last one, ${authority.server}, gave no usable answer.`,
  });
  assert.equal(authority.seen.length, 3);
});

test('closing gives up what waits', async (t) => {
  const authority = await startAuthority(t, () => []);
  const upstream = pool(t, [authority.server], { timeout: 60_000 });
  const waiting = upstream.query(query, 'www.test');
  upstream.close();
  await assert.rejects(waiting, { code: 'TW_RESOLVER_CLOSED' });
  await assert.rejects(upstream.query(query, 'www.test'), { code: 'TW_RESOLVER_CLOSED' });
});

test('many queries at once each get their own answer', async (t) => {
  const authority = await startAuthority(t, ({ query }) => [wireAnswer(query, {})]);
  const upstream = pool(t, [authority.server], { timeout: 5000 });
  const names = Array.from({ length: 100 }, (_, i) => `n${i}.test`);
  const queries = names.map((name, i) => encodeQuery(i, name));
  const answers = await Promise.all(
    queries.map((one, i) => upstream.query(one, names[i] as string)),
  );
  for (const [i, answer] of answers.entries()) {
    assert.deepEqual(Buffer.from(answer), wireAnswer(queries[i] as Buffer, {}));
  }
});

const addresses: readonly [text: string, canonical: string | null][] = [
  ['192.0.2.53', '192.0.2.53:53'],
  ['192.0.2.53:5353', '192.0.2.53:5353'],
  ['2001:db8::53', '[2001:db8::53]:53'],
  ['[2001:db8::53]', '[2001:db8::53]:53'],
  ['[2001:db8::53]:5353', '[2001:db8::53]:5353'],
  ['', null],
  ['dns.example', null],
  ['192.0.2.53:0', null],
  ['192.0.2.53:65536', null],
  ['192.0.2.53:', null],
  ['192.0.2.300', null],
  ['192.0.2.53:53 ', null],
  ['[192.0.2', null],
];
for (const [text, canonical] of addresses) {
  test(`server address ${JSON.stringify(text)} is ${canonical ?? 'refused'}`, () => {
    if (canonical !== null) assert.equal(formatServerAddress(parseServerAddress(text)), canonical);
    else assert.throws(() => parseServerAddress(text), { code: 'TW_RESOLVER_UPSTREAM_ADDRESS' });
  });
}

test('a pool without servers is refused', () => {
  const options = { servers: [], clock: () => 0, random: () => 0 };
  assert.throws(() => createUpstream(options), { code: 'TW_RESOLVER_NO_UPSTREAM' });
});
