import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import type { Mode } from '#policy/types.ts';
import { ATTACHED_NAME, decideQuery } from './decide.ts';
import { judgeBy } from './testing/verdicts.ts';
import { type QueryShape, wireName, wireOpt, wireQuery } from './testing/wire.ts';

const judge = judgeBy({
  'registry.test': 'allowed',
  'a.b.test': 'allowed',
  'evil.test': 'deny-rule',
  'dns.google': 'doh',
  'metadata.test': 'metadata',
});

function decide(shape: QueryShape, mode: Mode = 'Block', attached: string | null = null) {
  const bytes = wireQuery(shape);
  const decision = decideQuery(bytes, { judge, mode, attached, transport: 'udp' });
  if (decision.kind === 'drop')
    return { kind: 'drop', rcode: null, why: null, passed: null, answers: null };
  if (decision.kind === 'lookup') {
    return {
      kind: 'lookup',
      rcode: null,
      why: decision.refusal?.reason ?? null,
      passed: null,
      answers: null,
    };
  }
  const { rcode, answers } = decode(Buffer.from(decision.bytes)) as {
    rcode?: string;
    answers?: unknown[];
  };
  const why = decision.refusal?.reason ?? null;
  return { kind: 'reply', rcode, why, passed: decision.passed, answers: answers?.length ?? 0 };
}

const types = {
  A: 1,
  NS: 2,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  HTTPS: 65,
  AXFR: 252,
  ANY: 255,
};

const table: readonly [shape: QueryShape, block: string, observe: string][] = [
  [{ name: 'registry.test' }, 'lookup', 'lookup'],
  [{ name: wireName('ReGistry', 'TEST') }, 'lookup', 'lookup'],
  [{ name: 'evil.test' }, 'NXDOMAIN deny-rule', 'lookup deny-rule'],
  [{ name: 'unlisted.test' }, 'NXDOMAIN default', 'lookup default'],
  [{ name: 'dns.google' }, 'NXDOMAIN doh', 'NXDOMAIN doh'],
  [{ name: 'metadata.test' }, 'NXDOMAIN metadata', 'NXDOMAIN metadata'],
  [{ name: '' }, 'NXDOMAIN default', 'NXDOMAIN default'],
  // One label with a dot in it is not two labels, whichever way it is turned.
  [{ name: wireName('a.b', 'test') }, 'NXDOMAIN query', 'NXDOMAIN query'],
  [{ name: wireName('registry.test') }, 'NXDOMAIN query', 'NXDOMAIN query'],
  [{ name: wireName('registry', 'test\0') }, 'NXDOMAIN query', 'NXDOMAIN query'],
  [{ name: wireName('registry', 'test ') }, 'NXDOMAIN query', 'NXDOMAIN query'],
  [{ name: wireName('reg\xefstry', 'test') }, 'NXDOMAIN query', 'NXDOMAIN query'],
  [{ name: 'registry.test.svc.cluster.local' }, 'NXDOMAIN default', 'lookup default'],
  [{ name: 'registry.test', class: 3 }, 'REFUSED query', 'REFUSED query'],
  [{ name: 'registry.test', class: 255 }, 'REFUSED query', 'REFUSED query'],
  [{ name: 'registry.test', flags: 0x1000 }, 'NOTIMP query', 'NOTIMP query'],
  [{ name: 'registry.test', counts: [2, 0, 0, 0] }, 'FORMERR query', 'FORMERR query'],
  [{ name: 'registry.test', flags: 0x8100 }, 'drop', 'drop'],
  [{ name: ATTACHED_NAME, type: types.TXT }, 'NXDOMAIN', 'NXDOMAIN'],
  ...Object.values(types).flatMap((type): [QueryShape, string, string][] =>
    type === types.A
      ? []
      : [
          [{ name: 'registry.test', type }, 'NOERROR', 'NOERROR'],
          [{ name: 'unlisted.test', type }, 'NXDOMAIN default', 'NOERROR default passed'],
          [{ name: 'dns.google', type }, 'NXDOMAIN doh', 'NXDOMAIN doh'],
        ],
  ),
];

for (const [shape, ...expected] of table) {
  for (const [i, mode] of (['Block', 'Observe'] as const).entries()) {
    const { name = '', type = 1 } = shape;
    const shown =
      typeof name === 'string' ? name : Buffer.from(name).toString('latin1').slice(1, -1);
    test(`${mode}: ${JSON.stringify(shown)} type ${type} is ${expected[i]}`, () => {
      const { kind, rcode, why, passed, answers } = decide(shape, mode);
      const words = [kind === 'reply' ? rcode : kind, why, passed === true ? 'passed' : null];
      assert.equal(words.filter((word) => word !== null).join(' '), expected[i]);
      if (kind === 'reply') assert.equal(answers, 0);
    });
  }
}

test('the attached name answers with the text, by TXT alone, in any case', () => {
  const text = 'attached protocol=1 version=0.1.0 mode=Block policy=abc guards=';
  const name = wireName('_TORWACHT', 'attached', 'Local');
  const bytes = wireQuery({ name, type: 16 });
  const decision = decideQuery(bytes, { judge, mode: 'Block', attached: text, transport: 'udp' });
  assert.ok(decision.kind === 'reply');
  const [answer] = decode(Buffer.from(decision.bytes)).answers ?? [];
  assert.ok(answer?.type === 'TXT');
  assert.deepEqual(
    [answer.name, answer.ttl, String(answer.data)],
    ['_TORWACHT.attached.Local', 0, text],
  );
  assert.deepEqual(decide({ name: ATTACHED_NAME }, 'Block', text).rcode, 'NOERROR');
  assert.deepEqual(decide({ name: ATTACHED_NAME, type: 28 }, 'Block', text).answers, 0);
  const dot = wireName('_torwacht.attached', 'local');
  assert.equal(decide({ name: dot, type: 16 }, 'Block', text).rcode, 'NXDOMAIN');
});

test('an unknown EDNS version is BADVERS, before anything about the name', () => {
  const bytes = wireQuery({ name: 'evil.test', opt: wireOpt(1232, 1) });
  const decision = decideQuery(bytes, { judge, mode: 'Block', attached: null, transport: 'udp' });
  assert.ok(decision.kind === 'reply' && decision.refusal === null);
  const opt = decode(Buffer.from(decision.bytes)).additionals?.[0];
  assert.ok(opt?.type === 'OPT');
  assert.equal(opt.extendedRcode, 1);
});

test('the name of a refusal is escaped, so that it cannot pass for another one', () => {
  const bytes = wireQuery({ name: wireName('a.b', 'test\n') });
  const decision = decideQuery(bytes, { judge, mode: 'Block', attached: null, transport: 'udp' });
  assert.ok(decision.kind === 'reply');
  assert.deepEqual(decision.refusal, {
    name: 'a\\.b.test\\010',
    type: 1,
    reason: 'query',
    rule: 0,
  });
});
