import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Poster } from '#delivery/post.ts';
import { openReceiver } from '#delivery/testing/receiver.ts';
import { rowOf } from './testing/rows.ts';
import { Webhook } from './webhook.ts';

const GO = new AbortController().signal;
const batch = { instance: 'i', events: [3, 4].map((seq) => ({ seq, event: rowOf() })) };

test('a batch is signed over its id, its time and its bytes, with the secret that is there now', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-webhook-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const receiver = await openReceiver();
  t.after(() => receiver.close());
  const secretFile = join(folder, 'secret');
  const webhook = new Webhook({
    ...{ poster: new Poster(receiver.url), secretFile, userAgent: 'torwacht-agent/1' },
    now: () => 1_700_000_000_900,
  });
  t.after(() => webhook.close());
  await assert.rejects(webhook.deliver(batch, GO), { code: 'ENOENT' }, 'never without it');
  assert.equal(receiver.received.length, 0);

  for (const secret of ['first', 'second']) {
    writeFileSync(secretFile, `${secret}\n`);
    assert.deepEqual(await webhook.deliver(batch, GO), { kind: 'taken', refused: 0 });
    const { headers, body } = receiver.received.at(-1) ?? assert.fail();
    assert.equal(headers['webhook-id'], 'i.3-4');
    assert.equal(headers['webhook-timestamp'], '1700000000');
    const mac = createHmac('sha256', secret).update(`i.3-4.1700000000.${body}`).digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${mac}`);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['user-agent'], 'torwacht-agent/1');
    assert.deepEqual(JSON.parse(body), { version: 1, ...batch });
  }
});

test('without a file for the secret nothing is signed, and hostile bytes are letters', async (t) => {
  const receiver = await openReceiver();
  t.after(() => receiver.close());
  const poster = new Poster(receiver.url);
  const webhook = new Webhook({ poster, secretFile: undefined, userAgent: 'x', now: Date.now });
  t.after(() => webhook.close());
  const event = rowOf({ job_name: 'a\n"}\u001b[31m\u202e\u2028ü' });
  await webhook.deliver({ instance: 'i', events: [{ seq: 1, event }] }, GO);
  const { headers, body } = receiver.received[0] ?? assert.fail();
  assert.equal(headers['webhook-signature'], undefined);
  assert.match(body, /^[ -~]+$/);
  assert.deepEqual(JSON.parse(body).events, [{ seq: 1, event }]);
});
