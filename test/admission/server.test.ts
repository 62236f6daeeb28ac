/** The server itself: the table over HTTPS, and what is malformed, too large, too slow or too much. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { issueAuthority, issueLeaf } from '#kube/certificates/issue.ts';
import { worldOf } from '#webhook/objects/world.ts';
import { limits } from '#webhook/server/limits.ts';
import { serveReviews } from '#webhook/server/server.ts';
import { asking } from '#webhook/testing/client.ts';
import { reviewOf } from '#webhook/testing/reviews.ts';
import { accepted } from './table/accepted.ts';
import { bindingNames, bindingsOf } from './table/bindings.ts';
import { job } from './table/pods.ts';
import { refused } from './table/refused.ts';
import { type Row, requestOf } from './table/row.ts';

const now = Date.now();
const authority = await issueAuthority('test', { now, lasts: 3600_000 });
const pair = await issueLeaf(authority, ['127.0.0.1'], { now, lasts: 3600_000 });
const server = await serveReviews({
  address: '127.0.0.1',
  port: 0,
  pair,
  world: worldOf(bindingNames.flatMap(bindingsOf)),
  outside: 'report',
  arrival: 1500,
});
after(() => server.close());
const client = asking(server.port, authority.certificate);
after(() => client.close());

const review = JSON.stringify(reviewOf(requestOf({ what: 'a job', code: null, pod: job })));
const isAnswered = async (): Promise<void> => {
  const { status, body } = await client.post('/pods', review);
  assert.equal(status, 200);
  assert.equal(JSON.parse(body).response.allowed, true);
};

test('every row of the table, as the API server asks it', async () => {
  for (const row of [...accepted, ...refused] as Row[]) {
    const { body } = await client.post('/pods', JSON.stringify(reviewOf(requestOf(row), 'x-1')));
    const { response } = JSON.parse(body);
    assert.equal(response.uid, 'x-1');
    assert.equal(response.allowed, row.code === null, row.what);
    assert.equal(response.auditAnnotations?.code ?? null, row.code, row.what);
    if (row.code !== null)
      assert.match(response.status.message, /^Torwacht refuses this pod: [^\n]{40,}$/);
  }
});

const malformed: readonly (readonly [what: string, body: string | Buffer])[] = [
  ['nothing', ''],
  ['no JSON', '{'],
  ['another document', '{"apiVersion":"v1","kind":"Pod"}'],
  ['an older version', review.replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1')],
  ['null', 'null'],
  ['a list', '[]'],
  ['no uid', review.replace(/"uid":"b0c3[^"]*",/, '')],
  ['an operation that is none', review.replace('"CREATE"', '"READ"')],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x7b])],
  ['deep nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
];

for (const [what, body] of malformed) {
  test(`${what} is no review, and the next one is answered`, async () => {
    for (const path of ['/pods', '/outside', '/objects', '/inject']) {
      assert.equal((await client.post(path, body)).status, 400, path);
    }
    await isAnswered();
  });
}

test('a pod that is none is refused and not let in', async () => {
  const of = (object: unknown) => {
    const parsed = JSON.parse(review);
    return JSON.stringify({ ...parsed, request: { ...parsed.request, object } });
  };
  for (const object of [null, 7, 'pod', [], {}, { metadata: {}, spec: { containers: 'none' } }]) {
    const { body } = await client.post('/pods', of(object));
    assert.equal(JSON.parse(body).response.allowed, false);
    assert.match(body, /TW_ADMIT_MALFORMED/);
  }
});

test('other paths and methods are told what there is', async () => {
  assert.equal((await client.post('/nowhere', review)).status, 404);
});

test('a body that is too large is refused without being read', async () => {
  const large = Buffer.alloc(limits.body + 1, 0x20);
  const answer = await client.post('/pods', large).catch((error: Error) => error);
  if (!(answer instanceof Error)) assert.equal(answer.status, 413);
  await isAnswered();
});

/** Sends the beginning of a review, and then nothing. */
async function slow(length: number) {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: authority.certificate });
  socket.on('error', () => undefined);
  await new Promise((done) => socket.once('secureConnect', done));
  socket.write(
    `POST /pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n{`,
  );
  const began = performance.now();
  const ended = new Promise<number>((done) =>
    socket.once('close', () => done(performance.now() - began)),
  );
  socket.resume();
  return { ended, end: () => socket.destroy() };
}

test('a slow review holds up nobody, and its connection is closed', async () => {
  const ones = await Promise.all(Array.from({ length: 8 }, () => slow(1000)));
  await isAnswered();
  const times = await Promise.all(ones.map(({ ended }) => ended));
  assert.ok(Math.max(...times) < 20_000, `${times}`);
});

test('what many promise at once is bounded, and room comes back', async () => {
  const count = Math.ceil(limits.bodies / limits.body) + 2;
  const ones = await Promise.all(Array.from({ length: count }, () => slow(limits.body)));
  await sleep(200);
  const full = await client.post('/pods', review);
  assert.equal(full.status, 503);
  for (const one of ones) one.end();
  await Promise.all(ones.map(({ ended }) => ended));
  await sleep(100);
  await isAnswered();
});

test('a runner’s pod outside is reported and let in where the platform chose that', async () => {
  const { body } = await client.post('/outside', review);
  const { response } = JSON.parse(body);
  assert.equal(response.allowed, true);
  assert.match(response.warnings[0], /TW_ADMIT_OUTSIDE/);
});

test('another certificate is shown to new connections, and old ones go on', async () => {
  const other = await issueAuthority('test', { now, lasts: 3600_000 });
  server.use(await issueLeaf(other, ['127.0.0.1'], { now, lasts: 3600_000 }));
  await isAnswered();
  const fresh = asking(server.port, other.certificate, 0);
  assert.equal((await fresh.post('/pods', review)).status, 200);
  const stale = asking(server.port, authority.certificate, 0);
  await assert.rejects(stale.post('/pods', review));
});
