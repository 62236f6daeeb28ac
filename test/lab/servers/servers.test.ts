/** The servers of a lab's internet: they answer, and they tell all that they got. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLab, type Lab } from '../lab.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

describe('servers', { skip, timeout: 60_000 }, () => {
  let lab: Lab;
  before(() => {
    lab = createLab({ name: 'servers' });
  });
  after(() => lab.close());

  async function dig(...args: string[]): Promise<string> {
    return (await lab.run('host', 'dig', ['+tries=1', '+timeout=1', ...args])).stdout;
  }

  test('dnsmasq answers dig with addresses, aliases and their TTLs, and logs', async () => {
    const dnsmasq = await lab.dnsmasq([
      { name: 'good.example.test', address: '192.0.2.20', ttl: 7 },
      { name: 'good.example.test', address: '2001:db8::20', ttl: 7 },
      { name: 'alias.example.test', cname: 'good.example.test' },
      { name: 'registry.demo.test', address: '192.0.2.10' },
    ]);
    assert.match(
      await dig('alias.example.test'),
      /^good\.example\.test\.\s+7\s+IN\s+A\s+192\.0\.2\.20$/m,
    );
    assert.match(await dig('+tcp', 'good.example.test', 'AAAA'), /2001:db8::20/);
    assert.match(await dig('sub.good.example.test'), /status: NXDOMAIN/);
    assert.deepEqual(dnsmasq.queries(), [
      { type: 'A', name: 'alias.example.test', from: '203.0.113.254' },
      { type: 'AAAA', name: 'good.example.test', from: '203.0.113.254' },
      { type: 'A', name: 'sub.good.example.test', from: '203.0.113.254' },
    ]);
  });

  test('a package goes into the registry by npm publish and out by npm view', async () => {
    const registry = await lab.registry();
    const folder = join(lab.folder, 'a-package');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "name": "a-package", "version": "1.2.3" }');
    await registry.publish(folder);
    const env = registry.npmEnv;
    const view = await lab.run('host', 'npm', ['view', 'a-package', 'dist.tarball'], { env });
    assert.equal(view.stdout, 'http://registry.demo.test:4873/a-package/-/a-package-1.2.3.tgz\n');
    // A version can be published once: the registry's answer gets through to us.
    cpSync(folder, join(lab.folder, 'again'), { recursive: true });
    await assert.rejects(registry.publish(join(lab.folder, 'again')), { code: 'TW_LAB_COMMAND' });
  });

  test('sinks log requests, streams and datagrams', async () => {
    const at = { address: '142.11.206.73' };
    const sink = await lab.sink([
      { kind: 'http', ...at, port: 8000, replies: { '*': { status: 202, body: 'thanks' } } },
      { kind: 'tcp', ...at, port: 8443 },
      { kind: 'udp', address: '2001:db8::53', port: 53 },
    ]);
    assert.deepEqual(sink.log(), []);
    const wget = ['wget', '-qO-', '--post-data', 'a=b', `http://${at.address}:8000/x`];
    assert.equal((await lab.run('host', 'busybox', wget)).stdout, 'thanks');
    await lab.run('host', 'bash', ['-c', `echo raw > /dev/tcp/${at.address}/8443`]);
    const echo = 'exec 3<>/dev/udp/2001:db8::53/53; echo dgram >&3; head -n 1 <&3';
    assert.equal((await lab.run('host', 'bash', ['-c', echo])).stdout, 'dgram\n');
    const seen = (await sink.waitFor(5)).map(({ kind, event, method, path, body }) =>
      [kind, event, method, path, body].filter((part) => part !== undefined).join(' '),
    );
    assert.deepEqual(seen.slice(0, 3), [
      'http connection',
      'http request POST /x a=b',
      'tcp connection',
    ]);
    assert.deepEqual(seen.slice(3).sort(), ['tcp data raw\n', 'udp datagram dgram\n']);
  });

  test('an HTTPS sink shows a certificate that clients can trust, and logs the name asked for', async () => {
    const [name, address] = ['tls.example.test', '192.0.2.44'];
    const tls = lab.certificate([name, address]);
    const sink = await lab.sink([{ kind: 'https', address, port: 443, tls }]);
    const curl = ['-sS', '-m', '10', '--cacert', tls.cert];
    const pinned = ['--resolve', `${name}:443:${address}`];
    const sent = await lab.run('host', 'curl', [
      ...curl,
      ...pinned,
      '-d',
      'a=b',
      `https://${name}/x`,
    ]);
    assert.equal(sent.stdout, 'ok\n', sent.stderr);
    assert.equal((await lab.run('host', 'curl', [...curl, `https://${address}/y`])).stdout, 'ok\n');
    const wrong = ['--resolve', `other.example.test:443:${address}`, 'https://other.example.test/'];
    assert.equal((await lab.run('host', 'curl', [...curl, ...wrong])).code, 60);
    const requests = sink.log().filter(({ event }) => event === 'request');
    assert.deepEqual(
      requests.map(({ kind, method, path, sni, body }) => [kind, method, path, sni, body]),
      [
        ['https', 'POST', '/x', name, 'a=b'],
        ['https', 'GET', '/y', false, ''],
      ],
    );
  });

  test('the metadata service gives credentials to whoever asks', async () => {
    const metadata = await lab.metadata();
    const url = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/demo-role';
    const { stdout } = await lab.run('host', 'busybox', ['wget', '-qO-', url]);
    assert.match(stdout, /ASIADEMO/);
    assert.equal(metadata.log().at(-1)?.event, 'request');
  });

  test('the scripted DNS server rebinds, truncates, chains, delays and lies', async () => {
    const a = (name: string, data: string) => ({ type: 'A', name, ttl: 1, data }) as const;
    const server = await lab.scriptedDns({
      address: '192.0.2.54',
      names: {
        'rebind.test': [
          { answers: [a('rebind.test', '192.0.2.20')] },
          { answers: [a('rebind.test', '10.0.0.1')] },
        ],
        'chain.test': [
          {
            answers: [
              { type: 'CNAME', name: 'chain.test', ttl: 1, data: 'end.test' },
              a('end.test', '192.0.2.21'),
            ],
          },
        ],
        'big.test': [{ truncated: true, answers: [a('big.test', '192.0.2.22')] }],
        'typed.test/TXT': [{ answers: [{ type: 'TXT', name: 'typed.test', data: 'words' }] }],
        'wrong.test': [{ wrongId: true, answers: [a('wrong.test', '192.0.2.23')] }],
        'early.test': [
          {
            before: [{ wrongId: true, answers: [a('early.test', '192.0.2.66')] }],
            answers: [a('early.test', '192.0.2.24')],
            delay: 20,
          },
        ],
        'other.test': [{ wrongName: 'evil.test' }],
        'silent.test': [{ silent: true }],
        'raw.test': [{ raw: 'xxxx818300010000000000000372617704746573740000010001' }],
        'hangup.test': [{ hangUp: true }],
      },
    });
    const at = `@${server.address}`;
    assert.equal(await dig(at, '+short', 'rebind.test'), '192.0.2.20\n');
    assert.equal(await dig(at, '+short', 'rebind.test'), '10.0.0.1\n');
    assert.equal(await dig(at, '+short', 'rebind.test'), '10.0.0.1\n');
    assert.equal(await dig(at, '+short', 'chain.test'), 'end.test.\n192.0.2.21\n');
    assert.equal(await dig(at, '+short', 'typed.test', 'TXT'), '"words"\n');
    assert.match(await dig(at, 'typed.test'), /NXDOMAIN/);
    assert.match(await dig(at, '+short', 'big.test'), /192\.0\.2\.22/);
    assert.match(await dig(at, 'wrong.test'), /ID mismatch/);
    assert.match(await dig(at, '+short', 'early.test'), /192\.0\.2\.24/);
    assert.match(await dig(at, 'other.test'), /evil\.test/);
    assert.match(await dig(at, 'raw.test'), /status: NXDOMAIN/);
    assert.match(await dig(at, 'silent.test'), /timed out/);
    assert.doesNotMatch(await dig(at, '+tcp', 'hangup.test'), /status:/);
    const big = server.asked().filter((one) => one.name === 'big.test');
    assert.deepEqual(
      big.map((one) => one.transport),
      ['udp', 'tcp'],
    );
    assert.match(big[0]?.message ?? '', /03626967047465737400/);
  });

  test('a server that cannot start says why', async () => {
    const listeners = [{ kind: 'tcp', address: '192.0.2.99', port: 7 }] as const;
    const first = await lab.sink(listeners);
    await assert.rejects(lab.sink(listeners), { code: 'TW_LAB_NOT_READY', message: /EADDRINUSE/ });
    await first.stop();
    await (await lab.sink(listeners)).stop();
  });
});
