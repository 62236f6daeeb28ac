/**
 * Answers that no honest server gives, over a real server and real clients: what gets through to the
 * client, what the kernel learns, and what upstream servers see. Each has its control.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { outcomes, probe } from '../e2e/probe.ts';
import { tableOf } from '../e2e/rows.ts';
import {
  createStage,
  type PolicySpec,
  type RunEnded,
  type Stage,
  sharedStage,
  skip,
} from '../e2e/stage.ts';
import type { DnsReply } from '../lab/servers/scripted-dns-process.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const evil = { name: 'evil.example.test', address: '198.51.100.66' };

const policy: PolicySpec = {
  allow: [{ fqdn: ['**.example.test'], ports: [{ port: 8000 }] }],
  deny: [{ fqdn: [evil.name] }],
};

const a = (name: string, data: string, ttl = 60) => ({ type: 'A' as const, name, ttl, data });
const cname = (name: string, data: string) => ({ type: 'CNAME' as const, name, ttl: 60, data });

async function scripted(t: TestContext, names: Record<string, readonly DnsReply[]>) {
  const stage = createStage(t, 'answers');
  const dns = await stage.lab.scriptedDns({ names });
  return { stage, dns };
}

const DIG = ['dig', '+short', '+time=4', '+tries=1'];

async function dig(stage: Stage, name: string, spec: PolicySpec = policy) {
  const ended = await stage.run({ policy: spec, command: [...DIG, name, 'A'] });
  return { lines: ended.stdout.trimEnd().split('\n'), rows: tableOf(ended.stderr), ...ended };
}

const freely = async (stage: Stage, name: string) =>
  (await stage.lab.run('host', 'dig', [...DIG.slice(1), name, 'A'])).stdout.trimEnd().split('\n');

test('a chain of allowed names gives the chain and its address', { skip }, async (t) => {
  const { stage } = await scripted(t, {
    'one.example.test': [
      {
        answers: [
          cname('one.example.test', 'two.example.test'),
          cname('two.example.test', 'three.example.test'),
          a('three.example.test', good.address),
        ],
      },
    ],
  });
  const { lines } = await dig(stage, 'one.example.test');
  assert.deepEqual(lines, ['two.example.test.', 'three.example.test.', good.address]);
});

test('a denied name in the chain refuses the whole answer', { skip }, async (t) => {
  const { stage } = await scripted(t, {
    'front.example.test': [
      { answers: [cname('front.example.test', evil.name), a(evil.name, evil.address)] },
    ],
  });
  assert.deepEqual(await freely(stage, 'front.example.test'), [`${evil.name}.`, evil.address]);
  const { stdout, rows, stderr } = await dig(stage, 'front.example.test');
  assert.equal(stdout, '');
  assert.equal(rows.length, 1, stderr);
  assert.equal(rows[0]?.domain, 'front.example.test');
  const step = `tcp ${evil.address} 8000`;
  const after = await stage.run({ policy, command: probe('lookup front.example.test', step) });
  assert.equal(outcomes(after.stdout)[step], 'EPERM');
  assert.equal(stage.lab.packetsTo(evil.address), 0);
});

for (const [what, address, openable] of [
  ['a private address', '10.9.8.7', true],
  ['loopback', '127.0.0.1', true],
  ['cloud metadata', '169.254.169.254', false],
] as const) {
  test(`an answer that points to ${what} is refused`, { skip }, async (t) => {
    const name = 'inside.example.test';
    const { stage } = await scripted(t, { [name]: [{ answers: [a(name, address)] }] });
    assert.deepEqual(await freely(stage, name), [address]);
    const { stdout, rows, stderr } = await dig(stage, name);
    assert.equal(stdout, '');
    assert.match(rows[0]?.rule ?? '', /points inside|metadata/, stderr);
    assert.equal(rows[0]?.ip, address);

    const spec: PolicySpec = { allow: [{ fqdn: [name], ports: [{ port: 8000 }], private: true }] };
    assert.equal((await dig(stage, name, spec)).stdout, openable ? `${address}\n` : '');
  });
}

test('truncated over UDP: asked again over TCP', { skip }, async (t) => {
  const many = Array.from({ length: 20 }, (_, i) => a('many.example.test', `192.0.2.${i + 1}`));
  const { stage, dns } = await scripted(t, {
    'many.example.test': [{ truncated: true, answers: many }],
  });
  const { lines } = await dig(stage, 'many.example.test');
  assert.equal(lines.length, 20);
  assert.deepEqual(new Set(dns.asked().map(({ transport }) => transport)), new Set(['udp', 'tcp']));
});

test('replies with another id, or to another question, are passed over', { skip }, async (t) => {
  const name = 'spoofed.example.test';
  const other = 'other.example.test';
  const forged = [a(name, evil.address)];
  const { stage } = await scripted(t, {
    [name]: [
      { before: [{ wrongId: true, answers: forged }], answers: [a(name, good.address)], delay: 50 },
    ],
    [other]: [
      {
        before: [{ wrongName: evil.name, answers: [a(other, evil.address)] }],
        answers: [a(other, good.address)],
        delay: 50,
      },
    ],
  });
  assert.deepEqual((await dig(stage, name)).lines, [good.address]);
  assert.deepEqual((await dig(stage, other)).lines, [good.address]);
  const step = `tcp ${evil.address} 8000`;
  const after = await stage.run({
    policy,
    command: probe(`lookup ${name}`, `lookup ${other}`, step),
  });
  assert.equal(outcomes(after.stdout)[step], 'EPERM');
  assert.equal(stage.lab.packetsTo(evil.address), 0);
});

test('records beside the answer teach nothing', { skip }, async (t) => {
  const extra = [a('also.example.test', evil.address), a(good.name, evil.address)];
  const { stage } = await scripted(t, {
    [good.name]: [
      { answers: [a(good.name, good.address)], authorities: extra, additionals: extra },
    ],
  });
  const step = `tcp ${evil.address} 8000`;
  const ended = await stage.run({ policy, command: probe(`lookup ${good.name}`, step) });
  assert.deepEqual(outcomes(ended.stdout), {
    [`lookup ${good.name}`]: good.address,
    [step]: 'EPERM',
  });
});

test('a server that is silent is passed over for the next', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { stage } = await scripted(t, { '*': [{ silent: true }] });
  const second = await stage.lab.dnsmasq([good], '192.0.2.54');
  const flags = ['--upstream', stage.lab.dnsAddress, '--upstream', second.address];
  const script = `${DIG.join(' ')} ${good.name}`;
  const ended = await stage.run({ policy, flags, command: ['sh', '-c', script] });
  assert.equal(ended.stdout, `${good.address}\n`, ended.stderr);
  const alone = await stage.run({ policy, command: ['sh', '-c', `${script} +time=1; true`] });
  assert.doesNotMatch(alone.stdout, /192\.0\.2\.20/, 'control: alone it answers nothing');
});

test('nothing of the client’s query but name and type reaches the server', { skip }, async (t) => {
  const { stage, dns } = await scripted(t, { '*': [{ answers: [a(good.name, good.address)] }] });
  const secret = 'deadbeefcafe0123';
  const name = 'GoOd.ExAmPlE.TeSt';
  const options = [
    '+subnet=203.0.113.77/32',
    `+ednsopt=65001:${secret}`,
    '+cookie=0123456789abcdef',
  ];
  const types = ['A', 'TXT', 'ANY', 'NULL'];
  const script = types
    .map((type) => `dig +time=2 +tries=1 ${options.join(' ')} ${name} ${type}`)
    .join('; ');
  await stage.run({ policy, command: ['sh', '-c', script] });
  const asked = dns.asked();
  assert.ok(asked.length > 0);
  for (const query of asked) {
    assert.equal(query.name, good.name);
    assert.equal(query.type, 'A');
    assert.ok(!query.message.includes(secret), query.message);
  }
  await stage.lab.run('host', 'dig', ['+time=2', '+tries=1', ...options, name, 'TXT']);
  const last = dns.asked().at(-1);
  assert.ok(last?.message.includes(secret) && last.name === name, 'control: outside it does');
});

test('search domains of the host are the command’s too', { skip }, async (t) => {
  const { stage, dns } = await scripted(t, {
    [good.name]: [{ answers: [a(good.name, good.address)] }],
  });
  const text = `search example.test\nnameserver ${stage.lab.dnsAddress}\noptions ndots:1\n`;
  writeFileSync(join(stage.lab.folder, 'resolv.conf'), text);
  const ended = await stage.run({ policy, command: ['getent', 'hosts', 'good'] });
  assert.equal(ended.stdout.trim().split(/\s+/)[0], good.address, ended.stderr);
  assert.deepEqual(new Set(dns.asked().map(({ name }) => name)), new Set([good.name]));
});

test('the policy’s own DNS servers stand before the host’s', { skip }, async (t) => {
  const { stage, dns } = await scripted(t, { '*': [{ answers: [a(good.name, evil.address)] }] });
  const own = await stage.lab.dnsmasq([good], '192.0.2.54');
  const binding = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'RunnerBinding',
    metadata: { name: 'host' },
    spec: { dns: { upstreams: [own.address] } },
  };
  const egress = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name: 'test' },
    spec: policy,
  };
  const file = stage.policy([binding, egress].map((one) => JSON.stringify(one)).join('\n---\n'));
  const ended = await stage.run({ policy: file, command: [...DIG, good.name] });
  assert.equal(ended.stdout, `${good.address}\n`, ended.stderr);
  assert.equal(dns.asked().length, 0);
});

/** The floor of a TTL is half a minute, so it waits beside the other tests. */
const rebind = { name: 'rebind.example.test', ended: undefined as Promise<RunEnded> | undefined };
const rebinding = sharedStage('rebind', async (lab) => {
  const { name } = rebind;
  await lab.scriptedDns({
    names: {
      [name]: [{ answers: [a(name, good.address, 0)] }, { answers: [a(name, '10.0.0.1', 0)] }],
    },
  });
});

before(() => {
  if (skip !== false) return;
  const ask = `r=$(${DIG.join(' ')} ${rebind.name}); [ "$r" = "$l" ] || echo "[$r]"; l=$r`;
  const script = `n=0; while [ $n -lt 400 ]; do ${ask}; [ -z "$r" ] && break; sleep 0.1; n=$((n+1)); done`;
  rebind.ended = rebinding().run({ policy, command: ['sh', '-c', script] });
});

test('a name that rebinds to an inner address loses its answer', {
  skip,
  timeout: 90_000,
}, async () => {
  const ended = await rebind.ended;
  assert.equal(ended?.stdout, `[${good.address}]\n[]\n`, ended?.stderr);
  const [row] = tableOf(ended?.stderr ?? '');
  assert.equal(row?.ip, '10.0.0.1');
});
