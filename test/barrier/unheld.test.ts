/** Where nothing is enforced the barrier never lets a job start, whatever a server says. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { build } from '../../barrier/testing/build.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { ScriptedDns } from '../lab/servers/scripted-dns.ts';
import type { DnsReply } from '../lab/servers/scripted-dns-process.ts';
import { NAME, PROBES, run, SERVER, saidBy, skip, TEXT } from './run.ts';

let lab: Lab;
before(() => {
  if (!skip) lab = createLab({ name: 'barrier' });
});
after(() => lab?.close());

const txt = (...data: string[]): DnsReply => ({
  answers: [{ type: 'TXT', name: NAME, ttl: 0, data }],
});

/** A server at the address that the barrier asks, as a hostile network would have it. */
async function serving(replies: readonly DnsReply[], use: (server: ScriptedDns) => Promise<void>) {
  const server = await lab.scriptedDns({ address: SERVER, names: { [NAME]: replies } });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

test('nobody answers: it asks until the deadline, first often, then less', { skip }, async () => {
  const { exit, said } = await run(lab);
  assert.equal(exit, 20);
  assert.equal(said.code, 'TW_BARRIER_NO_ANSWER');
  assert.ok(said.waited_ms >= 1000, String(said.waited_ms));
  // 10, 20, 40, 80, 160, 200 … ms apart.
  assert.ok(said.attempts >= 2 && said.attempts <= 10, String(said.attempts));
  assert.equal(lab.packetsTo(PROBES[0]) + lab.packetsTo(PROBES[1]), 0, 'no probe before an answer');
});

test('an answer as the agent’s, without enforcement: the probes get through', {
  skip,
}, async () => {
  await serving([txt(TEXT)], async (server) => {
    const { exit, said } = await run(lab);
    assert.equal(exit, 24);
    assert.equal(said.code, 'TW_BARRIER_NOT_ENFORCED');
    assert.match(said.message, /192\.0\.2\.252 \(it got through\)/);
    const [asked] = server.asked();
    assert.deepEqual([asked?.name, asked?.type], [NAME, 'TXT']);
    assert.ok(server.asked().length >= 2, 'it went on asking');
    assert.equal(new Set(server.asked().map(({ id }) => id)).size > 1, true, 'ids differ');
    assert.equal(new Set(server.asked().map(({ from }) => from)).size, server.asked().length);
  });
});

const refused: readonly (readonly [
  what: string,
  exit: number,
  code: string,
  replies: DnsReply[],
])[] = [
  ['a later protocol', 23, 'WRONG_PROTOCOL', [txt(TEXT.replace('protocol=1', 'protocol=2'))]],
  ['NXDOMAIN', 21, 'NOT_ATTACHED', [{ rcode: 3 }]],
  ['SERVFAIL', 21, 'NOT_ATTACHED', [{ rcode: 2 }]],
  ['no data', 21, 'NOT_ATTACHED', [{}]],
  ['cut off', 22, 'BAD_ANSWER', [{ ...txt(TEXT), truncated: true }]],
  ['another id', 22, 'BAD_ANSWER', [{ ...txt(TEXT), wrongId: true }]],
  [
    'another question',
    22,
    'BAD_ANSWER',
    [{ ...txt(TEXT), wrongName: '_torwacht.attached.locals' }],
  ],
  ['other words', 22, 'BAD_ANSWER', [txt('v=spf1 -all')]],
  [
    'two records',
    22,
    'BAD_ANSWER',
    [{ answers: [...(txt(TEXT).answers ?? []), ...(txt(TEXT).answers ?? [])] }],
  ],
  ['another type', 22, 'BAD_ANSWER', [{ answers: [{ type: 'A', name: NAME, data: '192.0.2.1' }] }]],
  [
    'more than 512 bytes',
    22,
    'BAD_ANSWER',
    [txt(TEXT, ...Array.from({ length: 30 }, () => 'x'.repeat(255)))],
  ],
  ['one byte', 22, 'BAD_ANSWER', [{ raw: '00' }]],
  ['nothing but the id', 22, 'BAD_ANSWER', [{ raw: 'xxxx' }]],
  ['noise', 22, 'BAD_ANSWER', [{ raw: `xxxx81800001000100000000${'ff'.repeat(400)}` }]],
];

for (const [what, exit, code, replies] of refused) {
  test(`answered with ${what}: ${code}`, { skip }, async () => {
    await serving(replies, async () => {
      const outcome = await run(lab, ['--deadline', '1s']);
      assert.deepEqual(
        [outcome.exit, outcome.said.code],
        [exit, `TW_BARRIER_${code}`],
        outcome.said.message,
      );
    });
  });
}

test('a stray datagram does not keep the answer behind it out', { skip }, async () => {
  await serving(
    [{ ...txt(TEXT), before: [{ raw: 'ffff' }, { ...txt(TEXT), wrongId: true }] }],
    async () => {
      assert.equal((await run(lab, ['--deadline', '1s'])).exit, 24);
    },
  );
});

test('the protocol before is taken, and its enforcement asked for as well', { skip }, async () => {
  await serving([txt(TEXT.replace('protocol=1', 'protocol=0'))], async () => {
    assert.equal((await run(lab, ['--deadline', '1s'])).exit, 24);
  });
});

test('a late answer to an early question counts', { skip }, async () => {
  await serving([{ ...txt(TEXT), delay: 1000 }, { silent: true }], async () => {
    const { said } = await run(lab, ['--deadline', '2500ms', '--interval', '200ms']);
    assert.equal(said.code, 'TW_BARRIER_NOT_ENFORCED');
  });
});

test('a server that stands in resolv.conf is not asked', { skip }, async () => {
  const cluster = await lab.scriptedDns({ names: { '*': [txt(TEXT)] } });
  const { exit } = await run(lab);
  assert.equal(exit, 20);
  assert.deepEqual(cluster.asked(), []);
  await cluster.stop();
});

test('under the sanitizers: answers, probes, deadline', { skip }, async (t) => {
  const program = build(['*.c']);
  t.after(() => program.remove());
  const replies = [{ raw: 'xxxx' }, { rcode: 3 }, txt('attached'), txt(TEXT)];
  await serving(replies, async () => {
    const ended = await lab.run('host', program.path, ['--deadline', '3s', '--interval', '50ms']);
    assert.equal(ended.code, 24, ended.stderr);
    assert.equal(saidBy(ended).code, 'TW_BARRIER_NOT_ENFORCED');
  });
});
