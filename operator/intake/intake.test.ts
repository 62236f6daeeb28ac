import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { connect, type SecureContextOptions } from 'node:tls';
import { issueAuthority } from '#kube/certificates/issue.ts';
import { KubeError } from '#kube/index.ts';
import { rowOf } from '../violations/testing/rows.ts';
import type { EventBatch, EventSink } from './sink.ts';
import {
  authority,
  caller,
  leaf,
  type Outcome,
  reviewOf,
  SERVER,
  type ServedOptions,
  serve,
} from './testing/served.ts';

/** Takes everything; `hold` lets batches wait. */
class Taking implements EventSink {
  readonly name = 'taking';
  readonly batches: EventBatch[] = [];
  hold: Promise<void> | undefined;

  async take(batch: EventBatch, signal: AbortSignal): Promise<void> {
    if (this.hold !== undefined) {
      const gone = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
      await Promise.race([this.hold, gone]);
    }
    this.batches.push(batch);
  }
}

async function scene(t: TestContext, options: Partial<ServedOptions> = {}) {
  const sink = new Taking();
  const served = await serve({ sinks: [sink], ...options });
  const { send, close } = caller(served.server.port);
  t.after(async () => {
    close();
    await served.server.close(0);
  });
  return { ...served, sink, send };
}

const detailsOf = (outcome: Outcome) => ('details' in outcome ? outcome.details : '');

test('rows of an agent come to every sink, with the node that its token says', async (t) => {
  const { sink, send } = await scene(t);
  const outcome = await send('good', { seqs: [3, 4] }).outcome;
  assert.deepEqual(outcome, { status: 'OK', taken: { seq: 4n, refused: 0, why: '' } });
  const [batch] = sink.batches;
  assert.deepEqual([batch?.node, batch?.source], ['n1', 'n1/a']);
  assert.deepEqual(batch?.events[1], { seq: 4, event: rowOf() });
});

test('who is not the agent of that node gets nowhere, and the API server is asked once', async (t) => {
  const asked: string[] = [];
  const noNode = { user: { username: reviewOf('n1').user?.username ?? '' } };
  const extra = { 'authentication.kubernetes.io/node-name': ['n1', 'n2'] };
  const { sink, send } = await scene(t, {
    asked: (token) => asked.push(token),
    reviews: {
      good: reviewOf('n1'),
      other: reviewOf('n2'),
      stranger: reviewOf('n1', { user: { username: 'system:serviceaccount:ci:default' } }),
      elsewhere: reviewOf('n1', { audiences: ['https://kubernetes.default.svc'] }),
      unbound: reviewOf('n1', noNode),
      torn: reviewOf('n1', { user: { ...noNode.user, extra } }),
    },
  });
  const refused = [
    [undefined, 'UNAUTHENTICATED', /no token/],
    ['not a token', 'UNAUTHENTICATED', /no token/],
    ['forged', 'UNAUTHENTICATED', /no token for torwacht-operator/],
    ['elsewhere', 'UNAUTHENTICATED', /no token for torwacht-operator/],
    ['stranger', 'PERMISSION_DENIED', /this is not system:serviceaccount:torwacht:torwacht-agent/],
    ['unbound', 'PERMISSION_DENIED', /issued for no node/],
    ['torn', 'PERMISSION_DENIED', /issued for no node/],
    ['other', 'PERMISSION_DENIED', /the token is of n2, the batch is not/],
  ] as const;
  for (let times = 0; times < 2; times++) {
    for (const [token, status, details] of refused) {
      const outcome = await send(token).outcome;
      assert.equal(outcome.status, status, `${token}`);
      assert.match(detailsOf(outcome), details);
    }
  }
  assert.deepEqual(sink.batches, []);
  const known = ['forged', 'elsewhere', 'stranger', 'unbound', 'torn', 'other'];
  assert.deepEqual(asked, known);
  assert.equal((await send('good').outcome).status, 'OK', 'the control');
});

test('a client that trusts somebody else, or looks for somebody else, sends nothing', async (t) => {
  const { server, sink } = await scene(t);
  const other = await issueAuthority('other', { now: Date.now(), lasts: 3600_000 });
  for (const wrong of [{ ca: other.certificate }, { name: 'other.torwacht.svc' }]) {
    const { send, close } = caller(server.port, wrong);
    assert.equal((await send('good').outcome).status, 'UNAVAILABLE');
    close();
  }
  assert.deepEqual(sink.batches, []);
});

test('another certificate is shown to who comes next, and nobody is cut off', async (t) => {
  const { server, send } = await scene(t);
  assert.equal((await send('good', { seqs: [1] }).outcome).status, 'OK');
  const before = await shownBy(server.port);
  const pair = await leaf();
  server.use(pair);
  const now = await shownBy(server.port);
  assert.notEqual(now, before);
  assert.equal(now, new X509Certificate(pair.certificate).fingerprint256);
  await assert.rejects(shownBy(server.port, { maxVersion: 'TLSv1.2' }), /protocol version/);
  assert.equal((await send('good', { seqs: [2] }).outcome).status, 'OK');
  const next = caller(server.port);
  t.after(next.close);
  assert.equal((await next.send('good', { seqs: [3] }).outcome).status, 'OK');
});

test('what is no batch is refused for good; a row that is no event is dropped and told', async (t) => {
  const { sink, send } = await scene(t);
  for (const wrong of [
    { instance: '../x' },
    { instance: 'x'.repeat(65) },
    { seqs: [] },
    { seqs: [2, 2] },
    { seqs: [0] },
    { seqs: Array.from({ length: 1025 }, (_, at) => at + 1) },
  ]) {
    assert.equal((await send('good', wrong).outcome).status, 'INVALID_ARGUMENT');
  }
  assert.deepEqual(sink.batches, []);
  const rows = [
    '{',
    'null',
    '{}',
    { ...rowOf(), action: 'drop' },
    { ...rowOf(), argv: 'x'.repeat(40_000) },
  ];
  for (const [at, event] of rows.entries()) {
    const outcome = await send('good', { seqs: [at + 1], event }).outcome;
    assert.ok('taken' in outcome);
    assert.deepEqual([outcome.taken.seq, outcome.taken.refused], [BigInt(at + 1), 1]);
    assert.match(outcome.taken.why, /^row \d: /);
  }
});

test('a batch that comes again is answered, and taken once', async (t) => {
  const { intake, sink, send } = await scene(t);
  for (let times = 0; times < 3; times++) {
    assert.equal((await send('good', { seqs: [1, 2] }).outcome).status, 'OK');
  }
  assert.equal(sink.batches.length, 1);
  intake.begin();
  await send('good', { seqs: [1, 2] }).outcome;
  assert.equal(sink.batches.length, 2, 'leading anew, it cannot know');
});

test('a replica that does not lead says so, before it asks for anything', async (t) => {
  const asked: string[] = [];
  const { send } = await scene(t, { leads: () => false, asked: (token) => asked.push(token) });
  const outcome = await send('good').outcome;
  assert.ok('trailer' in outcome);
  assert.deepEqual(
    [outcome.status, outcome.trailer.get('torwacht-leads')],
    ['UNAVAILABLE', ['false']],
  );
  assert.deepEqual(asked, []);
});

test('what a sink cannot keep is not taken, and what no sink may keep here goes elsewhere', async (t) => {
  const faults: unknown[] = [];
  let error: Error = new Error('disk full');
  const sink: EventSink = { name: 'full', take: () => Promise.reject(error) };
  const { send } = await scene(t, { sinks: [sink], fault: (_, why) => faults.push(why) });
  assert.equal((await send('good').outcome).status, 'UNAVAILABLE');
  assert.deepEqual(faults, [error]);
  error = new KubeError('KUBE_NOT_LEADER', 'not now');
  const outcome = await send('good').outcome;
  assert.ok('trailer' in outcome);
  assert.deepEqual(outcome.trailer.get('torwacht-leads'), ['false']);
});

test('while the API server does not answer about tokens, nobody is let in or turned away', async (t) => {
  let away = true;
  const { send } = await scene(t, {
    asked() {
      if (away) throw new Error('away');
    },
  });
  assert.equal((await send('good').outcome).status, 'UNAVAILABLE');
  away = false;
  assert.equal((await send('good').outcome).status, 'OK');
});

test('a node sends two batches at a time, one of each source, and others are not kept waiting', async (t) => {
  const reviews = { good: reviewOf('n1'), other: reviewOf('n2') };
  const { intake, sink, send } = await scene(t, { reviews });
  const held = Promise.withResolvers<void>();
  sink.hold = held.promise;
  const first = send('good', { instance: 'a' });
  await until(() => intake.inside === 1);
  const same = await send('good', { instance: 'a', seqs: [2] }).outcome;
  assert.ok('trailer' in same);
  assert.deepEqual([same.status, same.trailer.get('retry-after')], ['RESOURCE_EXHAUSTED', ['1']]);
  const second = send('good', { instance: 'b' });
  await until(() => intake.inside === 2);
  assert.equal((await send('good', { instance: 'c' }).outcome).status, 'RESOURCE_EXHAUSTED');
  const other = send('other', { node: 'n2' });
  await until(() => intake.inside === 3);
  held.resolve();
  for (const { outcome } of [first, second, other]) assert.equal((await outcome).status, 'OK');
  await until(() => intake.inside === 0);
});

test('rows beyond a rate wait; so do tokens that nobody knows', async (t) => {
  const { send } = await scene(t, { limits: { rowsPerSecondOfNode: 0.001, burstOfNode: 2 } });
  assert.equal((await send('good', { seqs: [1, 2, 3] }).outcome).status, 'OK');
  assert.equal((await send('good', { seqs: [4] }).outcome).status, 'RESOURCE_EXHAUSTED');
  const statuses = new Set<string>();
  for (let at = 0; at < 60; at++) statuses.add((await send(`forged-${at}`).outcome).status);
  assert.deepEqual([...statuses].sort(), ['RESOURCE_EXHAUSTED', 'UNAUTHENTICATED']);
});

test('an agent that does not wait any more leaves no place taken', async (t) => {
  const { intake, sink, send } = await scene(t);
  sink.hold = new Promise(() => undefined);
  const { outcome, cancel } = send('good');
  await until(() => intake.inside === 1);
  cancel();
  assert.equal((await outcome).status, 'CANCELLED');
  await until(() => intake.inside === 0);
  sink.hold = undefined;
  assert.equal((await send('good').outcome).status, 'OK');
  assert.deepEqual(
    sink.batches.map(({ events }) => events.map(({ seq }) => seq)),
    [[1]],
  );
});

test('a connection on which nobody sends is closed, and the next batch makes another', async (t) => {
  const { server, sink, send } = await scene(t, { idle: 100 });
  assert.equal((await send('good', { seqs: [1] }).outcome).status, 'OK');
  const options = { ca: authority.certificate, servername: SERVER };
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, options);
  await once(session, 'connect');
  await once(session, 'close');
  assert.equal((await send('good', { seqs: [2] }).outcome).status, 'OK');
  assert.equal(sink.batches.length, 2);
});

/** Fingerprint of the certificate that a new connection is shown. */
function shownBy(port: number, more: SecureContextOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      port,
      ca: authority.certificate,
      servername: SERVER,
      ALPNProtocols: ['h2'],
      ...more,
    };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
