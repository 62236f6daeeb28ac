/** The policy of a run that is under way: edits come in force, broken ones do not, nothing is cut. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Progress, Traffic } from './fixtures/traffic.ts';
import { type PolicySpec, policyText, readIfThere, sharedStage, skip, until } from './stage.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const other = { name: 'other.example.test', address: '192.0.2.30' };

const BODY = 'x'.repeat(8 << 20);

const stage = sharedStage('edit', (lab) =>
  Promise.all([
    lab.dnsmasq([good, other]),
    lab.sink([
      { kind: 'tcp', address: good.address, port: 8000 },
      { kind: 'tcp', address: other.address, port: 8000 },
      { kind: 'http', address: good.address, port: 8080, replies: { '*': { body: BODY } } },
    ]),
  ]),
);

const first: PolicySpec = {
  allow: [{ fqdn: [good.name], ports: [{ port: 8000 }, { port: 8080 }] }],
};
const both: PolicySpec = {
  allow: [...(first.allow ?? []), { cidr: ['192.0.2.30/32'], ports: [{ port: 8000 }] }],
};
const traffic: Traffic = {
  tcp: [`${good.address}:8000`, `${other.address}:8000`],
  udp: [],
  names: [good.name],
  servers: [],
};
const command = [
  process.execPath,
  join(import.meta.dirname, 'fixtures/traffic.ts'),
  JSON.stringify(traffic),
];

/** The outcome of the last round for an address. */
function last(address: string): string | undefined {
  const text = readIfThere(join(stage().work, 'progress.json'));
  return text === '' ? undefined : (JSON.parse(text) as Progress).last[`tcp ${address}:8000`];
}

test('an edit is soon in force; a broken one is told and changes nothing', { skip }, async () => {
  const { work } = stage();
  const file = stage().policy(policyText(first), 'edited.yaml');
  const run = stage().start({ policy: file, command });
  await until(() => last(good.address) === 'ok', 'allowed traffic');
  assert.equal(last(other.address), 'EPERM');

  stage().policy(policyText(both), 'edited.yaml');
  await until(() => last(other.address) === 'ok', 'the wider policy');
  assert.match(run.stderr(), /the policy changed and is in force/);

  stage().policy(`${policyText(first)}---\nkind: [broken\n`, 'edited.yaml');
  await until(() => run.stderr().includes('the last good one stays'), 'the complaint');
  assert.match(run.stderr(), /edited\.yaml:\d+:\d+: /, 'file and line');
  const { round } = JSON.parse(readIfThere(join(work, 'progress.json'))) as Progress;
  const now = () => (JSON.parse(readIfThere(join(work, 'progress.json'))) as Progress).round;
  await until(() => now() > round + 3, 'more rounds');
  assert.equal(last(other.address), 'ok', 'the last good policy stays');
  assert.equal(last(good.address), 'ok');

  stage().policy(policyText(first), 'edited.yaml');
  await until(() => last(other.address) === 'EPERM', 'the narrow policy again');
  assert.equal(last(good.address), 'ok');
  writeFileSync(join(work, 'stop'), '');
  assert.equal(await run.ended, 0);
  const complaints = run.stderr().split('the last good one stays').length - 1;
  assert.equal(complaints, 1, 'a broken file is told once');
});

/** Reads slowly: some KiB, then it waits for the file `go`; bounded. */
const slow = `
const { existsSync, writeFileSync } = require('node:fs');
const socket = require('node:net').connect(8080, '${good.name}', () =>
  socket.write('GET / HTTP/1.0\\r\\n\\r\\n'));
let size = 0, waits = 0;
socket.on('data', (chunk) => {
  if (size === 0) {
    socket.pause();
    writeFileSync('begun', '');
    const clock = setInterval(() => {
      if (!existsSync('go') && ++waits < 1000) return;
      clearInterval(clock);
      socket.resume();
    }, 20);
  }
  size += chunk.length;
});
socket.on('error', (error) => console.log(error.code));
socket.on('close', () => console.log(size));
`;

test('a download of 8 MiB is not cut by an edit that has nothing to do with it', {
  skip,
}, async () => {
  const { work } = stage();
  const file = stage().policy(policyText(first), 'download.yaml');
  const run = stage().start({ policy: file, command: [process.execPath, '-e', slow] });
  await until(() => existsSync(join(work, 'begun')) || run.stdout() !== '', 'the download');
  stage().policy(policyText(both), 'download.yaml');
  await until(() => run.stderr().includes('is in force'), 'the edit');
  writeFileSync(join(work, 'go'), '');
  assert.equal(await run.ended, 0);
  assert.ok(Number(run.stdout()) > BODY.length, run.stdout() + run.stderr());
});

test('a policy that the command can write is read once', { skip }, async () => {
  const { work } = stage();
  const inside = join(work, 'policy.yaml');
  writeFileSync(inside, policyText(first));
  const wider = JSON.stringify(policyText(both));
  const program = `
    const { writeFileSync } = require('node:fs');
    writeFileSync('policy.yaml', ${wider});
    let tries = 0;
    const attempt = () => {
      const socket = require('node:net').connect(8000, '${other.address}');
      socket.on('connect', () => { console.log('OPEN'); process.exit(); });
      socket.on('error', () => (++tries < 60 ? setTimeout(attempt, 50) : console.log('closed')));
    };
    attempt();`;
  const run = await stage().run({ policy: inside, command: [process.execPath, '-e', program] });
  assert.equal(run.stdout, 'closed\n', run.stderr);
  assert.doesNotMatch(run.stderr, /in force/);
});
