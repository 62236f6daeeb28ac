/** A flood of queries meets its own budget, in the kernel; another run does not notice. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableOf } from '../e2e/rows.ts';
import { type PolicySpec, sharedStage, skip, until } from '../e2e/stage.ts';
import type { Dnsmasq } from '../lab/servers/dnsmasq.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
let dns: Dnsmasq;
const stage = sharedStage('budget', async (lab) => {
  dns = await lab.dnsmasq([good]);
});
const policy: PolicySpec = { allow: [{ fqdn: [good.name] }] };

test('queries beyond the budget are refused, and another run goes on', {
  skip,
  timeout: 60_000,
}, async () => {
  const enough = join(stage().work, 'enough');
  const flood = [process.execPath, join(import.meta.dirname, 'fixtures/flood.ts'), enough];
  const flooding = stage().start({ policy, command: flood });
  await until(() => flooding.stderr().includes('blocked n'), 'the first refused name');
  const script = `n=0; while [ $n -lt 20 ]; do dig +short +time=3 +tries=1 ${good.name}; n=$((n+1)); done`;
  const beside = await stage().run({ policy, command: ['sh', '-c', script] });
  writeFileSync(enough, '');
  assert.equal(beside.stdout, `${good.address}\n`.repeat(20), beside.stderr);
  assert.equal(beside.stderr, '');

  assert.equal(await flooding.ended, 0);
  const { sent, refused } = JSON.parse(flooding.stdout()) as { sent: number; refused: number };
  const rows = tableOf(flooding.stderr());
  const beyond = rows.filter(({ rule }) => rule === 'always: too many DNS queries');
  assert.ok(refused > 0 || beyond.length > 0, `${refused} of ${sent}`);
  const told = beyond.reduce((sum, { count }) => sum + Number(count), 0);
  assert.ok(told > sent / 4, `${told} of ${sent} are told as beyond the budget`);
  assert.deepEqual(new Set(dns.queries().map(({ name }) => name)), new Set([good.name]));
});

test('control: a few queries are within the budget', { skip }, async () => {
  const script = `n=0; while [ $n -lt 20 ]; do dig +short +time=3 +tries=1 n$n.example.test; n=$((n+1)); done`;
  const ended = await stage().run({ policy, command: ['sh', '-c', script] });
  assert.equal(tableOf(ended.stderr).length, 20, ended.stderr);
  assert.doesNotMatch(ended.stderr, /too many/);
});
