/** Real DNS clients against the real servers on loopback. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { promises as dns } from 'node:dns';
import { type TestContext, test } from 'node:test';
import { ATTACHED_TEXT, serve } from './testing/policy.ts';

function has(command: string, ...args: readonly string[]): string | false {
  return spawnSync(command, args).error === undefined ? false : `${command} is not installed`;
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 20_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

async function digger(t: TestContext) {
  const served = await serve(t);
  const dig = (...args: readonly string[]): Promise<string> =>
    run('dig', ['-p', String(served.port), '@127.0.0.1', '+tries=1', '+time=10', ...args]);
  return { ...served, dig };
}

const noDig = has('dig', '-v');

test('dig resolves an allowed name by UDP and TCP, with and without EDNS', {
  skip: noDig,
}, async (t) => {
  const { dig, learned } = await digger(t);
  for (const how of [
    ['+noedns'],
    ['+edns=0'],
    ['+tcp'],
    ['+tcp', '+noedns'],
    ['+bufsize=512'],
    ['+dnssec'],
  ]) {
    const output = await dig('WwW.test', ...how);
    assert.match(output, /status: NOERROR/, how.join());
    assert.match(output, /^WwW\.test\.\s+\d+\s+IN\s+A\s+203\.0\.113\.1$/m, how.join());
    assert.doesNotMatch(output, /WARNING|malformed|mismatch/i, how.join());
    assert.equal(/OPT PSEUDOSECTION/.test(output), !how.includes('+noedns'), how.join());
  }
  assert.deepEqual(
    learned.map(([name]) => name),
    ['www.test'],
  );
});

test('dig is told NXDOMAIN for a denied name and nothing for other types', {
  skip: noDig,
}, async (t) => {
  const { dig, refused } = await digger(t);
  assert.match(await dig('evil.test'), /status: NXDOMAIN/);
  assert.match(await dig('inside.test', '+tcp'), /status: NXDOMAIN/);
  assert.match(await dig('gone.test'), /status: NXDOMAIN/);
  for (const type of ['AAAA', 'HTTPS', 'TXT', 'ANY']) {
    assert.match(await dig('www.test', type, '+notcp'), /status: NOERROR.*\n.*ANSWER: 0/, type);
  }
  assert.match(await dig('-c', 'CH', 'version.bind', 'TXT'), /status: REFUSED/);
  assert.match(await dig('www.test', '+opcode=4'), /status: NOTIMP/);
  assert.match(await dig('a\\.b.test'), /status: NXDOMAIN/);
  assert.deepEqual(
    refused.map(({ name, reason, client }) => [name, reason, client.transport]),
    [
      ['evil.test', 'default', 'udp'],
      ['inside.test', 'private-answer', 'tcp'],
      ['version.bind', 'query', 'udp'],
      // dig takes the type that follows for another name.
      ['txt', 'query', 'udp'],
      ['www.test', 'query', 'udp'],
      ['a\\.b.test', 'query', 'udp'],
    ],
  );
});

test('dig retries a truncated answer by TCP and gets all of it', { skip: noDig }, async (t) => {
  const { dig } = await digger(t);
  const count = (output: string): number => output.match(/IN\s+A\s+203/g)?.length ?? 0;
  const plain = await dig('many.test', '+noedns');
  assert.match(plain, /Truncated, retrying in TCP mode/);
  assert.equal(count(plain), 32);
  const ignoring = await dig('many.test', '+noedns', '+ignore');
  assert.match(ignoring, /flags: qr tc/);
  assert.equal(count(ignoring), 30);
  assert.equal(count(await dig('many.test', '+bufsize=1232', '+ignore')), 32);
});

test('dig speaks to us across EDNS versions, options and kept connections', {
  skip: noDig,
}, async (t) => {
  const { dig } = await digger(t);
  assert.match(await dig('www.test', '+edns=1', '+noednsneg'), /status: BADVERS/);
  const options = ['+cookie=0123456789abcdef', '+subnet=198.51.100.0/24', '+nsid', '+padding=64'];
  const output = await dig('www.test', ...options);
  assert.match(output, /status: NOERROR/);
  assert.doesNotMatch(output, /COOKIE|CLIENT-SUBNET|NSID/);
  const kept = await dig(
    '+tcp',
    '+keepopen',
    'www.test',
    'evil.test',
    'www.test',
    '+tcp',
    '+keepopen',
  );
  assert.deepEqual(kept.match(/status: \w+/g), [
    'status: NOERROR',
    'status: NXDOMAIN',
    'status: NOERROR',
  ]);
});

test('dig reads the attached answer', { skip: noDig }, async (t) => {
  const { dig } = await digger(t);
  const output = await dig('_torwacht.attached.local', 'TXT', '+short');
  assert.equal(output.trim(), JSON.stringify(ATTACHED_TEXT));
});

test("Node's resolver gets addresses, and not found for the rest", async (t) => {
  const { port } = await serve(t);
  const resolver = new dns.Resolver({ timeout: 10_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  assert.deepEqual(await resolver.resolve4('www.test'), ['203.0.113.1']);
  assert.equal((await resolver.resolve4('many.test')).length, 32);
  await assert.rejects(resolver.resolve6('www.test'), { code: 'ENODATA' });
  await assert.rejects(resolver.resolve4('evil.test'), { code: 'ENOTFOUND' });
  assert.deepEqual(await resolver.resolveTxt('_torwacht.attached.local'), [[ATTACHED_TEXT]]);
});

test('busybox nslookup gets an address', { skip: has('busybox') }, async (t) => {
  const { port } = await serve(t);
  const server = `127.0.0.1:${port}`;
  assert.match(
    await run('busybox', ['nslookup', 'www.test', server]),
    /Address(?: 1)?:\s+203\.0\.113\.1/,
  );
  assert.match(await run('busybox', ['nslookup', 'evil.test', server]), /NXDOMAIN|can't resolve/);
});
