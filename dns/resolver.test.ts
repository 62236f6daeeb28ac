import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import type { Mode } from '#policy/types.ts';
import type { Judge } from './decide.ts';
import type { ResolverLimits } from './limits.ts';
import type { Client, LearnedAddress, RefusedQuery } from './ports.ts';
import { createResolver } from './resolver.ts';
import { judgeBy } from './testing/verdicts.ts';
import {
  type AnswerShape,
  a,
  cname,
  type QueryShape,
  soa,
  wireAnswer,
  wireQuery,
} from './testing/wire.ts';

const client: Client = { address: '127.0.0.1', port: 4000, transport: 'udp' };

/** A resolver between fakes whose every call is written down in order. */
function bench(options: { judge?: Judge; mode?: Mode; limits?: Partial<ResolverLimits> } = {}) {
  const state = {
    judge:
      options.judge ??
      judgeBy({ 'www.test': 'allowed', 'api.test': 'allowed', 'in.test': 'private' }),
    mode: options.mode ?? ('Block' as Mode),
    now: 1000,
    learnFails: false,
    /** What upstream answers by name; a missing one rejects, a null one waits for `release`. */
    answers: new Map<string, AnswerShape | null>(),
  };
  const log: string[] = [];
  const learned: [name: string, addresses: readonly LearnedAddress[], refused: boolean][] = [];
  const refused: RefusedQuery[] = [];
  const faults: unknown[] = [];
  const waiting = new Map<string, (shape: AnswerShape) => void>();
  let id = 100;
  const resolver = createResolver({
    judge: () => state.judge,
    mode: () => state.mode,
    attached: () => null,
    upstream: {
      query: (query, name) => {
        log.push(`ask ${name}`);
        const shape = state.answers.get(name);
        if (shape === undefined) return Promise.reject(new Error('no server'));
        if (shape !== null) return Promise.resolve(wireAnswer(query, shape));
        return new Promise((resolve) => {
          waiting.set(name, (late) => resolve(wireAnswer(query, late)));
        });
      },
    },
    sink: {
      prepare: (name) => void log.push(`prepare ${name}`),
      abandon: (name) => void log.push(`abandon ${name}`),
      learn: (name, addresses, marked) => {
        if (state.learnFails) throw new Error('map full');
        log.push(`learn ${name}`);
        learned.push([name, addresses, marked]);
      },
    },
    evidence: { refused: (query) => refused.push(query), allowed: () => {} },
    fault: (error) => faults.push(error),
    clock: () => state.now,
    random: () => id++,
    limits: options.limits ?? {},
  });
  const ask = async (shape: QueryShape | string, from: Client = client) => {
    const query = wireQuery(typeof shape === 'string' ? { name: shape } : shape);
    const reply = await resolver.handle(query, from);
    if (reply === null) return null;
    log.push('reply');
    const { rcode, answers = [] } = decode(Buffer.from(reply)) as ReturnType<typeof decode> & {
      rcode: string;
    };
    const list = answers.map((answer) => ('data' in answer ? String(answer.data) : ''));
    return { rcode, list, ttl: answers.map((answer) => ('ttl' in answer ? answer.ttl : -1)) };
  };
  const release = (name: string, shape: AnswerShape): void => waiting.get(name)?.(shape);
  return { resolver, state, log, learned, refused, faults, ask, release };
}

const www: AnswerShape = { answers: [a('www.test', '203.0.113.1', 100)] };

test('an allowed answer is released only after the kernel holds it', async () => {
  const t = bench();
  t.state.answers.set('www.test', www);
  assert.deepEqual(await t.ask('www.test'), {
    rcode: 'NOERROR',
    list: ['203.0.113.1'],
    ttl: [100],
  });
  assert.deepEqual(t.log, ['ask www.test', 'prepare www.test', 'learn www.test', 'reply']);
  assert.deepEqual(t.learned, [['www.test', [{ address: 0xcb007101, seconds: 160 }], false]]);
  assert.deepEqual(t.refused, []);
});

test('what was prepared for an answer is taken back where no address of it may be learned', async () => {
  const t = bench();
  const nothing: Record<string, AnswerShape> = {
    'www.test': { rcode: 3, authority: [soa('test', 60, 20)] },
    'api.test': { answers: [a('api.test', '10.0.0.9', 60)] },
  };
  for (const [name, shape] of Object.entries(nothing)) {
    t.state.answers.set(name, shape);
    await t.ask(name);
    assert.deepEqual(t.log.splice(0), [
      `ask ${name}`,
      `prepare ${name}`,
      `abandon ${name}`,
      'reply',
    ]);
  }
  // No server answers.
  await t.ask('in.test');
  assert.deepEqual(t.log.splice(0), ['ask in.test', 'prepare in.test', 'abandon in.test', 'reply']);
  assert.deepEqual(t.learned, []);
});

test('without the kernel there is no answer, and the next query tries again', async () => {
  const t = bench();
  t.state.answers.set('www.test', www);
  t.state.learnFails = true;
  assert.deepEqual(await t.ask('www.test'), { rcode: 'SERVFAIL', list: [], ttl: [] });
  assert.equal(t.faults.length, 1);
  t.state.learnFails = false;
  assert.equal((await t.ask('www.test'))?.rcode, 'NOERROR');
  assert.deepEqual(
    t.log.filter((line) => line.startsWith('learn')),
    ['learn www.test'],
  );
});

test('a denied name is refused without asking anyone, and is told with its type', async () => {
  const t = bench();
  assert.equal((await t.ask({ name: 'evil.test', type: 28 }))?.rcode, 'NXDOMAIN');
  assert.deepEqual(t.log, ['reply']);
  assert.deepEqual(t.refused, [
    {
      name: 'evil.test',
      type: 28,
      reason: 'default',
      rule: 0,
      cname: null,
      address: null,
      client,
      resolved: false,
    },
  ]);
});

test('other types of an allowed name have no data and cost no look-up', async () => {
  const t = bench();
  assert.deepEqual(await t.ask({ name: 'www.test', type: 28 }), {
    rcode: 'NOERROR',
    list: [],
    ttl: [],
  });
  assert.deepEqual([t.log, t.refused], [['reply'], []]);
});

test('a cached answer counts down, is not learned twice, and ends', async () => {
  const t = bench();
  t.state.answers.set('www.test', www);
  await t.ask('www.test');
  t.state.now += 40_500;
  assert.deepEqual((await t.ask('www.test'))?.ttl, [60]);
  t.state.now += 59_499;
  assert.deepEqual((await t.ask('www.test'))?.ttl, [1]);
  assert.deepEqual(t.log, [
    'ask www.test',
    'prepare www.test',
    'learn www.test',
    'reply',
    'reply',
    'reply',
  ]);
  t.state.now += 1;
  await t.ask('www.test');
  assert.deepEqual(t.log.slice(6), ['ask www.test', 'prepare www.test', 'learn www.test', 'reply']);
});

test('negative answers are cached as long as their SOA says', async () => {
  const t = bench();
  t.state.answers.set('www.test', { rcode: 3, authority: [soa('test', 60, 20)] });
  t.state.answers.set('api.test', { authority: [soa('test', 60, 20)] });
  for (const [name, rcode] of [
    ['www.test', 'NXDOMAIN'],
    ['api.test', 'NOERROR'],
  ] as const) {
    for (let i = 0; i < 3; i++) assert.deepEqual(await t.ask(name), { rcode, list: [], ttl: [] });
  }
  assert.equal(t.resolver.stats.lookups, 2);
  t.state.now += 20_000;
  await t.ask('www.test');
  assert.equal(t.resolver.stats.lookups, 3);
  assert.deepEqual([t.learned, t.refused], [[], []]);
});

test('queries for one name wait for one look-up, each reply in its own case and id', async () => {
  const t = bench();
  t.state.answers.set('www.test', null);
  const shapes = ['www.test', 'WWW.test', 'www.TEST'];
  const replies = shapes.map((name, id) => t.resolver.handle(wireQuery({ id, name }), client));
  t.release('www.test', www);
  for (const [i, reply] of (await Promise.all(replies)).entries()) {
    const { id, questions } = decode(Buffer.from(reply ?? []));
    assert.deepEqual([id, questions?.[0]?.name], [i, shapes[i]]);
  }
  assert.deepEqual(t.log, ['ask www.test', 'prepare www.test', 'learn www.test']);
  assert.equal(t.resolver.stats.joined, 2);
});

test('too many names under way get SERVFAIL; more queries for those wait with the others', async () => {
  const t = bench({ limits: { pending: 1 } });
  t.state.answers.set('www.test', null);
  const held = [1, 2, 3].map(() => t.ask('www.test'));
  assert.equal((await t.ask('api.test'))?.rcode, 'SERVFAIL');
  assert.equal(t.resolver.stats.overflow, 1);
  t.release('www.test', www);
  const rcodes = (await Promise.all(held)).map((reply) => reply?.rcode);
  assert.deepEqual(rcodes, ['NOERROR', 'NOERROR', 'NOERROR']);
});

test('too many waiting queries get SERVFAIL, and room comes back', async () => {
  const t = bench({ limits: { waiting: 2 } });
  t.state.answers.set('www.test', null);
  const held = [t.ask('www.test'), t.ask('www.test')];
  assert.equal((await t.ask('www.test'))?.rcode, 'SERVFAIL');
  assert.equal((await t.ask('api.test'))?.rcode, 'SERVFAIL');
  assert.equal((await t.ask('evil.test'))?.rcode, 'NXDOMAIN', 'refusals need no room');
  t.release('www.test', www);
  await Promise.all(held);
  assert.equal((await t.ask('www.test'))?.rcode, 'NOERROR');
  assert.equal(t.resolver.stats.overflow, 2);
});

test('a failed look-up is SERVFAIL, told, and not remembered', async () => {
  const t = bench({ limits: { pending: 1 } });
  for (let i = 0; i < 3; i++) assert.equal((await t.ask('www.test'))?.rcode, 'SERVFAIL');
  assert.deepEqual([t.resolver.stats.lookups, t.faults.length], [3, 3]);
  t.state.answers.set('www.test', { answers: [cname('www.test', 'www.test')] });
  assert.equal((await t.ask('www.test'))?.rcode, 'SERVFAIL');
});

test('names beyond the budget are refused in both modes; known ones stay', async () => {
  for (const mode of ['Block', 'Observe'] as const) {
    const t = bench({ mode, judge: judgeBy({ '*': 'allowed' }), limits: { names: 2 } });
    for (const name of ['a.test', 'b.test', 'c.test']) {
      t.state.answers.set(name, { answers: [a(name, '203.0.113.1')] });
    }
    assert.equal((await t.ask('a.test'))?.rcode, 'NOERROR');
    assert.equal((await t.ask('b.test'))?.rcode, 'NOERROR');
    assert.equal((await t.ask('c.test'))?.rcode, 'NXDOMAIN');
    assert.equal((await t.ask('a.test'))?.rcode, 'NOERROR');
    assert.deepEqual(
      t.refused.map(({ name, reason, rule, resolved }) => [name, reason, rule, resolved]),
      [['c.test', 'dns-budget', 1, false]],
    );
  }
});

test('the cache is bounded; the oldest name goes first', async () => {
  const t = bench({ judge: judgeBy({ '*': 'allowed' }), limits: { cacheEntries: 2 } });
  for (const name of ['a.test', 'b.test', 'c.test', 'b.test', 'a.test']) {
    t.state.answers.set(name, { answers: [a(name, '203.0.113.1')] });
    await t.ask(name);
  }
  const asked = t.log.filter((line) => line.startsWith('ask'));
  assert.deepEqual(asked, ['ask a.test', 'ask b.test', 'ask c.test', 'ask a.test']);
});

test('a rebinding answer is refused, cached, and told each time with its address', async () => {
  const t = bench();
  t.state.answers.set('www.test', {
    answers: [a('www.test', '203.0.113.1'), a('www.test', '192.168.0.9')],
  });
  for (let i = 0; i < 2; i++)
    assert.deepEqual(await t.ask('www.test'), { rcode: 'NXDOMAIN', list: [], ttl: [] });
  const row = {
    name: 'www.test',
    type: 1,
    reason: 'private-answer',
    rule: 1,
    cname: null,
    address: 0xc0a80009,
  };
  assert.deepEqual(
    t.refused,
    [1, 2].map(() => ({ ...row, client, resolved: false })),
  );
  assert.deepEqual([t.learned, t.resolver.stats.lookups], [[], 1]);
});

test('a rule with private: true takes inner addresses, but no metadata', async () => {
  const t = bench();
  t.state.answers.set('in.test', { answers: [a('in.test', '10.1.2.3')] });
  assert.deepEqual((await t.ask('in.test'))?.list, ['10.1.2.3']);
  t.state.now += 3_600_000;
  t.state.answers.set('in.test', {
    answers: [a('in.test', '10.1.2.3'), a('in.test', '169.254.169.254')],
  });
  assert.equal((await t.ask('in.test'))?.rcode, 'NXDOMAIN');
});

test('a chain over a denied name is refused with that name and its rule', async () => {
  const t = bench({ judge: judgeBy({ 'www.test': 'allowed', 'evil.test': 'deny-rule' }) });
  t.state.answers.set('www.test', {
    answers: [
      cname('www.test', 'mid.test'),
      cname('mid.test', 'EVIL.test'),
      a('evil.test', '203.0.113.1'),
    ],
  });
  assert.equal((await t.ask('www.test'))?.rcode, 'NXDOMAIN');
  assert.deepEqual(
    t.refused.map(({ reason, cname, rule }) => [reason, cname, rule]),
    [['cname', 'evil.test', 2]],
  );
  assert.deepEqual(t.learned, []);
});

test('Observe looks refused names up, marks their addresses, and tells what Block would say', async () => {
  const judge = judgeBy({ 'www.test': 'allowed', 'evil.test': 'deny-rule', 'dns.google': 'doh' });
  const t = bench({ mode: 'Observe', judge });
  t.state.answers.set('evil.test', { answers: [a('evil.test', '203.0.113.1')] });
  t.state.answers.set('www.test', { answers: [a('www.test', '10.0.0.1')] });
  assert.deepEqual((await t.ask('evil.test'))?.list, ['203.0.113.1']);
  assert.deepEqual((await t.ask('www.test'))?.list, ['10.0.0.1']);
  assert.equal((await t.ask({ name: 'evil.test', type: 28 }))?.rcode, 'NOERROR');
  assert.equal((await t.ask('dns.google'))?.rcode, 'NXDOMAIN');
  assert.deepEqual(
    t.learned.map(([name, , marked]) => [name, marked]),
    [
      ['evil.test', true],
      ['www.test', true],
    ],
  );
  assert.deepEqual(
    t.refused.map(({ name, reason, resolved }) => [name, reason, resolved]),
    [
      ['evil.test', 'deny-rule', true],
      ['www.test', 'private-answer', true],
      ['evil.test', 'deny-rule', true],
      ['dns.google', 'doh', false],
    ],
  );
});

test('Observe never passes metadata addresses or always denied names of a chain', async () => {
  const judge = judgeBy({ '*': 'allowed', 'dns.google': 'doh' });
  const t = bench({ mode: 'Observe', judge });
  t.state.answers.set('m.test', { answers: [a('m.test', '169.254.169.254')] });
  t.state.answers.set('c.test', {
    answers: [cname('c.test', 'dns.google'), a('dns.google', '203.0.113.1')],
  });
  assert.equal((await t.ask('m.test'))?.rcode, 'NXDOMAIN');
  assert.equal((await t.ask('c.test'))?.rcode, 'NXDOMAIN');
  assert.deepEqual(t.learned, []);
  assert.deepEqual(
    t.refused.map(({ resolved }) => resolved),
    [false, false],
  );
});

test('a policy change judges cached answers again, and the kernel hears of what stays', async () => {
  const t = bench({
    judge: judgeBy({ 'www.test': 'allowed', 'api.test': 'allowed', 'in.test': 'private' }),
  });
  t.state.answers.set('www.test', www);
  t.state.answers.set('api.test', {
    answers: [cname('api.test', 'cdn.test'), a('cdn.test', '203.0.113.2')],
  });
  t.state.answers.set('in.test', { answers: [a('in.test', '10.0.0.1')] });
  for (const name of ['www.test', 'api.test', 'in.test'])
    assert.equal((await t.ask(name))?.rcode, 'NOERROR');

  t.state.judge = judgeBy({ 'cdn.test': 'deny-rule', 'api.test': 'allowed', 'in.test': 'allowed' });
  t.resolver.policyChanged();
  for (const name of ['www.test', 'api.test', 'in.test'])
    assert.equal((await t.ask(name))?.rcode, 'NXDOMAIN');
  assert.deepEqual(
    t.refused.map(({ name, reason }) => [name, reason]),
    [
      ['www.test', 'default'],
      ['api.test', 'cname'],
      ['in.test', 'private-answer'],
    ],
  );

  t.state.judge = judgeBy({ 'www.test': 'allowed', 'api.test': 'allowed', 'in.test': 'private' });
  t.resolver.policyChanged();
  t.log.length = 0;
  for (const name of ['www.test', 'api.test', 'in.test'])
    assert.equal((await t.ask(name))?.rcode, 'NOERROR');
  assert.deepEqual(t.log, [
    'ask www.test',
    'prepare www.test',
    'learn www.test',
    'reply',
    'learn api.test',
    'reply',
    'learn in.test',
    'reply',
  ]);
});

test('a policy change while a look-up is under way decides on its answer', async () => {
  const t = bench();
  t.state.answers.set('www.test', null);
  const reply = t.ask('www.test');
  t.state.judge = judgeBy({});
  t.resolver.policyChanged();
  t.release('www.test', www);
  assert.equal((await reply)?.rcode, 'NXDOMAIN');
  assert.deepEqual(t.learned, []);
  assert.deepEqual(
    t.refused.map(({ name, reason }) => [name, reason]),
    [['www.test', 'default']],
  );
});

test('an answer to another question is not an answer', async () => {
  const t = bench();
  t.state.answers.set('www.test', { answers: [], flags: 0x0100 });
  assert.equal((await t.ask('www.test'))?.rcode, 'SERVFAIL');
});

test('what is no query gets no reply', async () => {
  const t = bench();
  assert.equal(await t.ask({ flags: 0x8180 }), null);
  assert.equal(await t.resolver.handle(Buffer.alloc(3), client), null);
  assert.equal(t.resolver.stats.dropped, 2);
});

test('by TCP the whole answer comes, by UDP what fits', async () => {
  const t = bench();
  const answers = Array.from({ length: 32 }, (_, i) => a('www.test', `203.0.113.${i}`));
  t.state.answers.set('www.test', { answers });
  const size = async (transport: 'udp' | 'tcp') =>
    (await t.ask('www.test', { ...client, transport }))?.list.length;
  assert.equal(await size('udp'), 30);
  assert.equal(await size('tcp'), 32);
});

test('whether an answer may point inside is the rule’s that is in force when it comes', async () => {
  for (const [before, then, rcode] of [
    ['private', 'allowed', 'NXDOMAIN'],
    ['allowed', 'private', 'NOERROR'],
  ] as const) {
    const t = bench({ judge: judgeBy({ 'in.test': before }) });
    t.state.answers.set('in.test', null);
    const asked = t.ask('in.test');
    t.state.judge = judgeBy({ 'in.test': then });
    t.resolver.policyChanged();
    t.release('in.test', { answers: [a('in.test', '10.0.0.1')] });
    assert.equal((await asked)?.rcode, rcode, `${before}, then ${then}`);
  }
});
