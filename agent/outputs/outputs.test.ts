import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Poster } from '#delivery/post.ts';
import { openReceiver } from '#delivery/testing/receiver.ts';
import { Outputs } from './outputs.ts';
import { readOutputs } from './spec.ts';
import { rowOf } from './testing/rows.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-outputs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('all outputs get every row, and one whose receiver is away holds up no other', async (t) => {
  const spool = folderFor(t);
  const [siem, collector] = [await openReceiver(), await openReceiver()];
  t.after(() => Promise.all([siem.close(), collector.close()]));
  const away = await openReceiver();
  await away.close();
  const written: string[] = [];
  const lines = {
    ...{ dropped: 0, taken: 0, onWritten: () => {} },
    write: (line: string) => void written.push(line),
  };
  const registry = new Registry();
  const outputs = await Outputs.open({
    ...{ lines, log: pino({}, lines), registry, spool, spoolBound: 1 << 20, version: '1.2.3' },
    node: '',
    outputs: readOutputs([
      'stdout',
      `webhook:${siem.url},name=siem`,
      `webhook:${away.url}s3cret,name=away`,
      `otlp:${collector.url}`,
    ]),
  });
  for (let count = 1; count <= 100; count++) outputs.send(rowOf({ count }));
  const metric = async (name: string) =>
    Object.fromEntries(
      ((await registry.getSingleMetric(`torwacht_output_${name}`)?.get())?.values ?? []).map(
        ({ labels, value }) => [Object.values(labels).join(' '), value],
      ),
    );
  for (;;) {
    const { siem: one, otlp: other } = await metric('sent_total');
    if (one === 100 && other === 100 && (await metric('retried_total')).away) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await outputs.end(1000);
  assert.deepEqual(await metric('sent_total'), { stdout: 100, siem: 100, away: 0, otlp: 100 });
  assert.deepEqual(await metric('waiting'), { stdout: 0, siem: 0, away: 100, otlp: 0 });
  const dropped = await metric('dropped_total');
  assert.equal(Object.keys(dropped).length, 16, 'each reason of each output');
  assert.ok(Object.values(dropped).every((value) => value === 0));
  assert.equal(siem.received[0]?.headers['user-agent'], 'torwacht-agent/1.2.3');
  assert.ok(collector.received.every(({ url }) => url === '/in/v1/logs'));
  assert.equal(readdirSync(join(spool, 'away')).length, 1);
  assert.equal(written.filter((line) => line.includes('"msg":"egress"')).length, 100);
  const trouble = written.filter((line) => line.includes('rows are not taken'));
  assert.equal(trouble.length, 1);
  assert.ok(trouble[0]?.includes('"output":"away"') && !trouble[0].includes('s3cret'));
});

test('a receiver over TLS is verified: nothing is sent to one that nobody vouches for', async (t) => {
  const folder = folderFor(t);
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
    { stdio: 'pipe' },
  );
  let requests = 0;
  const options = { key: readFileSync(key), cert: readFileSync(cert) };
  const server = createServer(options, (_, response) => {
    requests++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  t.after(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const poster = new Poster(new URL(url));
  t.after(() => poster.close());
  const signal = new AbortController().signal;
  await assert.rejects(poster.post({}, '{}', signal), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  assert.equal(requests, 0);

  const post = `
    import { Poster } from ${JSON.stringify(join(import.meta.dirname, '../../delivery/post.ts'))};
    const poster = new Poster(new URL(${JSON.stringify(url)}));
    const { status } = await poster.post({}, '{}', new AbortController().signal);
    console.log(status);
    process.exit();`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', post],
    { env: { ...process.env, NODE_EXTRA_CA_CERTS: cert } },
  );
  assert.equal(stdout, '200\n', 'the control: with its certificate among the authorities');
  assert.equal(requests, 1);
});
