/** Receivers against real servers on loopback. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { openReceiver } from '#delivery/testing/receiver.ts';
import { openMailServer } from '../../../test/lab/servers/mail.ts';
import { ALERT_SECRET, AlertSecret } from '../secrets.ts';
import { eventOf, messageOf } from '../testing/rows.ts';
import { Alertmanager } from './alertmanager.ts';
import { Email } from './email.ts';
import type { AlertReceiver } from './receiver.ts';
import { Slack } from './slack.ts';
import { Webhook } from './webhook.ts';

const GO = new AbortController().signal;
const route = {
  ...{ name: 'oncall', actions: ['block' as const], resolveAfterSeconds: 900 },
  ...{ repeatAfterSeconds: 14_400, maxPerHour: 60 },
};
const message = messageOf(eventOf());
const keys = (values: Readonly<Record<string, string>>) => async (key: string) => {
  const value = values[key];
  if (value === undefined) throw new Error(`no key ${key}`);
  return value;
};
const taken = { kind: 'taken', refused: 0 };

async function server(t: TestContext) {
  const receiver = await openReceiver();
  t.after(() => receiver.close());
  return receiver;
}

function closing<R extends AlertReceiver>(t: TestContext, receiver: R): R {
  t.after(() => receiver.close());
  return receiver;
}

test('Slack gets the row at the address that the Secret has now', async (t) => {
  const one = await server(t);
  const other = await server(t);
  const values = { hook: one.url.href };
  const slack = closing(t, new Slack({ ...route, urlKey: 'hook' }, keys(values)));
  assert.deepEqual(await slack.deliver(message, GO), taken);
  values.hook = other.url.href;
  assert.deepEqual(await slack.deliver(message, GO), taken);
  assert.deepEqual([one.received.length, other.received.length], [1, 1]);
  const body = one.received[0]?.body ?? '';
  assert.match(
    body,
    /job_name=install comm=node parent_comm=npm exe=\/usr\/bin\/node action=block/,
  );
  assert.match(body, /domain=evil\.example ip=192\.0\.2\.1 port=8000 protocol=tcp count=1/);
  values.hook = 'file:///etc/passwd';
  assert.equal((await slack.deliver(message, GO)).kind, 'later');
  one.react = () => ({ status: 400, body: 'invalid_payload' });
  values.hook = one.url.href;
  assert.deepEqual(await slack.deliver(message, GO), { kind: 'refused', why: 'it answers 400' });
  one.react = () => ({ status: 429, headers: { 'retry-after': '30' } });
  assert.deepEqual(await slack.deliver(message, GO), {
    ...{ kind: 'later', why: 'it answers 429', after: 30_000 },
  });
});

test('no error tells the address of a Slack webhook', async (t) => {
  const gone = await openReceiver();
  await gone.close();
  const secret = new URL('/services/T0/B0/topsecret', gone.url).href;
  const slack = closing(t, new Slack({ ...route, urlKey: 'hook' }, keys({ hook: secret })));
  await assert.rejects(slack.deliver(message, GO), (error: Error) => {
    assert.doesNotMatch(`${error.message}${error.stack}`, /topsecret/);
    return true;
  });
});

test('a webhook is signed, and never sent without its key', async (t) => {
  const { url, received } = await server(t);
  const spec = { ...route, url: url.href, signingKey: 'key' };
  const unsigned = closing(t, new Webhook(spec, keys({})));
  await assert.rejects(unsigned.deliver(message, GO), /no key/);
  assert.equal(received.length, 0);
  const signed = closing(t, new Webhook(spec, keys({ key: 'secret' })));
  assert.deepEqual(await signed.deliver(message, GO), taken);
  const { headers, body } = received[0] ?? assert.fail();
  const text = `i.1.${headers['webhook-timestamp']}.${body}`;
  const mac = createHmac('sha256', 'secret').update(text).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${mac}`);
  assert.equal(headers['webhook-id'], 'i.1');
  const { type, firing, binding } = JSON.parse(body);
  assert.deepEqual([type, binding, firing[0].domain], ['alert', 'ci/runners', 'evil.example']);
});

test('Alertmanager gets alerts that end by themselves, and those that are over', async (t) => {
  const { url, received } = await server(t);
  const spec = { ...route, url: `${url.href}/`, authorizationKey: 'token' };
  const receiver = closing(t, new Alertmanager(spec, keys({ token: 'Bearer x' })));
  const over = messageOf(eventOf(), { firing: [], resolved: message.firing });
  for (const one of [message, over]) assert.deepEqual(await receiver.deliver(one, GO), taken);
  const [first, second] = received;
  assert.equal(first?.url, '/in/api/v2/alerts');
  assert.equal(first?.headers.authorization, 'Bearer x');
  const [firing] = JSON.parse(first?.body ?? '');
  assert.deepEqual(firing.labels, {
    ...{ alertname: 'TorwachtEgressRefused', severity: 'warning', binding: 'ci/runners' },
    ...{ destination: 'evil.example:8000/tcp', project_id: '42', job_name: 'install' },
    namespace: 'ci',
  });
  assert.equal(firing.startsAt, '2030-01-01T00:00:00.000Z');
  assert.equal(firing.endsAt, '2030-01-01T00:05:00.000Z');
  assert.equal(firing.generatorURL, 'https://gitlab.example/projects/42');
  const [resolved] = JSON.parse(second?.body ?? '');
  assert.deepEqual(resolved.labels, firing.labels, 'the same alert');
  assert.equal(resolved.endsAt, '2030-01-01T00:00:00.000Z');
});

const mail = { ...route, from: 'torwacht@ci.example', to: ['a@ci.example', 'b@ci.example'] };

test('mail goes out over TLS, by who may', async (t) => {
  const server = await openMailServer(t);
  const spec = { ...mail, server: server.address, tls: 'StartTLS' as const, username: 'torwacht' };
  const email = (password: string) =>
    new Email({ ...spec, passwordKey: 'pass' }, keys({ pass: password }));
  assert.deepEqual(await email('right').deliver(message, GO), taken);
  const [one] = server.received;
  assert.deepEqual(one?.to, ['a@ci.example', 'b@ci.example']);
  assert.equal(one?.secure, true);
  const [head = '', body = ''] = one?.text.split(/\r\n\r\n(.*)/s) ?? [];
  const unfolded = head.replaceAll(/\r\n\s+/g, ' ');
  assert.match(unfolded, /^Subject: Torwacht refused 1 attempt: install of project 42, evil/m);
  assert.match(unfolded, /^Message-ID: <i\.1@torwacht>/m);
  assert.match(unfolded, /^Auto-Submitted: auto-generated/m);
  assert.match(body, /evil\[\.\]example/);

  const wrong = await email('wrong').deliver(message, GO);
  assert.deepEqual(wrong, { kind: 'later', why: 'it answers 535' });
  server.refuse = 550;
  assert.deepEqual(await email('right').deliver(message, GO), {
    ...{ kind: 'refused', why: 'it answers 550' },
  });
  assert.equal(server.received.length, 1);
});

test('nothing is mailed where TLS is not offered, or is of another', async (t) => {
  const plain = await openMailServer(t, { tls: false });
  const spec = { ...mail, tls: 'StartTLS' as const };
  const first = await new Email({ ...spec, server: plain.address }, keys({})).deliver(message, GO);
  assert.equal(first.kind, 'later');
  const foreign = await openMailServer(t, { trusted: false });
  const second = await new Email({ ...spec, server: foreign.address }, keys({})).deliver(
    message,
    GO,
  );
  assert.equal(second.kind, 'later');
  assert.deepEqual([plain.received, foreign.received], [[], []]);
  // The control: the same server takes what asks for no TLS.
  const none = { ...mail, tls: 'None' as const, server: plain.address };
  assert.deepEqual(await new Email(none, keys({})).deliver(message, GO), taken);
});

test('a key is read from the one Secret, and only below the namespace of the binding', async () => {
  const asked: unknown[] = [];
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const client = {
    get: async (_: unknown, at: unknown) => {
      asked.push(at);
      return {
        data: { 'ci.slack': base64('https://hooks.example/a\n'), 'other.key': base64('b') },
      };
    },
  };
  let now = 0;
  const clock = { monotonic: () => now } as never;
  const secret = new AlertSecret({ client: client as never, clock, namespace: 'torwacht' });
  assert.equal(await secret.read('ci', 'slack'), 'https://hooks.example/a');
  await assert.rejects(
    secret.read('ci', 'key'),
    /Secret torwacht\/torwacht-alerts has no key ci\.key/,
  );
  await assert.rejects(secret.read('ci', '../other.key'), /has no key/);
  assert.equal(await secret.read('other', 'key'), 'b');
  assert.deepEqual(asked, [{ namespace: 'torwacht', name: ALERT_SECRET }], 'once in ten seconds');
  now += 10_000;
  await secret.read('ci', 'slack');
  assert.equal(asked.length, 2);
});
