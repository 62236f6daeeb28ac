import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KubeError, type KubeErrorCode } from '../errors.ts';
import { TestClock } from '../testing/clock.ts';
import {
  type Answer,
  json,
  pod,
  reset,
  type ServerOptions,
  scriptedServer,
  silent,
  status,
  watch,
} from '../testing/scripted-server.ts';
import { until } from '../testing/until.ts';
import { pods } from '../testing/watching.ts';
import { createClient } from './client.ts';
import type { Fence } from './types.ts';

const at = { namespace: 'ci', name: 'a' };

async function clientOf(t: TestContext, answers: readonly Answer[], options: ServerOptions = {}) {
  const server = await scriptedServer(options);
  server.script(...answers);
  const clock = new TestClock();
  const client = createClient(server.connection, { fieldManager: 'test', clock });
  t.after(async () => {
    client.close();
    await server.close();
  });
  return { server, client, clock };
}

async function thrown(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => assert.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KubeError, String(error));
  return error;
}

test('each verb is the request that the API knows', async (t) => {
  const { server, client } = await clientOf(t, [json(pod('a', 1))]);
  await client.get(pods, at);
  await client.create(pods, pod('a', 1));
  await client.update(pods, pod('a', 1), { dryRun: true });
  await client.patch(pods, at, { spec: {} });
  await client.patch(pods, at, [], { type: 'json', subresource: 'status' });
  await client.apply(pods, { metadata: at, spec: { image: 'x' } }, { force: true });
  await client.apply(pods, { metadata: at }, { fieldManager: 'other', subresource: 'status' });
  await client.delete(pods, at, { propagation: 'Foreground', uid: 'u' });
  const lines = server.asked.map(({ method, path, query }) => `${method} ${path} ${query}`.trim());
  assert.deepEqual(lines, [
    'GET /api/v1/namespaces/ci/pods/a',
    'POST /api/v1/namespaces/ci/pods fieldManager=test',
    'PUT /api/v1/namespaces/ci/pods/a fieldManager=test&dryRun=All',
    'PATCH /api/v1/namespaces/ci/pods/a fieldManager=test',
    'PATCH /api/v1/namespaces/ci/pods/a/status fieldManager=test',
    'PATCH /api/v1/namespaces/ci/pods/a fieldManager=test&force=true',
    'PATCH /api/v1/namespaces/ci/pods/a/status fieldManager=other',
    'DELETE /api/v1/namespaces/ci/pods/a',
  ]);
  const types = server.asked.map(({ headers }) => headers['content-type']?.split('/')[1]);
  assert.deepEqual(types.slice(3, 7), [
    'merge-patch+json',
    'json-patch+json',
    'apply-patch+yaml',
    'apply-patch+yaml',
  ]);
  assert.deepEqual(JSON.parse(server.asked[5]?.body ?? ''), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: at,
    spec: { image: 'x' },
  });
  assert.deepEqual(JSON.parse(server.asked[7]?.body ?? '').preconditions, { uid: 'u' });
});

const refusals: readonly [number, object, KubeErrorCode][] = [
  [400, { reason: 'BadRequest' }, 'KUBE_BAD_REQUEST'],
  [403, { reason: 'Forbidden' }, 'KUBE_FORBIDDEN'],
  [404, { reason: 'NotFound' }, 'KUBE_NOT_FOUND'],
  [409, { reason: 'Conflict' }, 'KUBE_CONFLICT'],
  [409, { reason: 'AlreadyExists' }, 'KUBE_ALREADY_EXISTS'],
  [
    409,
    {
      reason: 'Conflict',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.image' }] },
    },
    'KUBE_APPLY_CONFLICT',
  ],
  [410, { reason: 'Expired' }, 'KUBE_GONE'],
  [413, { reason: 'RequestEntityTooLarge' }, 'KUBE_BAD_REQUEST'],
  [422, { reason: 'Invalid', details: { causes: [{ field: 'spec.image' }] } }, 'KUBE_INVALID'],
  [429, { reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } }, 'KUBE_TOO_MANY_REQUESTS'],
  [500, { reason: 'InternalError' }, 'KUBE_SERVER'],
  [504, { reason: 'Timeout' }, 'KUBE_TIMEOUT'],
];

for (const [code, body, expected] of refusals) {
  test(`${code} ${'reason' in body ? body.reason : ''} is ${expected}, and says what was tried`, async (t) => {
    const { client } = await clientOf(t, [
      status(code, '', { ...body, message: 'no, for a reason' }),
    ]);
    const error = await thrown(client.patch(pods, at, {}, { subresource: 'status' }));
    assert.equal(error.code, expected);
    assert.equal(error.status, code);
    assert.equal(
      error.message,
      `patch pods/status "a" in namespace "ci" (v1): ${code}, no, for a reason`,
    );
    if (code === 429) assert.equal(error.retryAfterMs, 3000);
    if (expected === 'KUBE_APPLY_CONFLICT') assert.deepEqual(error.fields, ['.spec.image']);
  });
}

test('what a proxy says on the way is told, and cut', async (t) => {
  const page: Answer = (_, response) => response.writeHead(502).end(`<html>${'x'.repeat(5000)}`);
  const { client } = await clientOf(t, [page]);
  const error = await thrown(client.get(pods, at));
  assert.equal(error.code, 'KUBE_SERVER');
  assert.match(error.message, /502, <html>x+$/);
  assert.ok(error.message.length < 300);
});

test('an answer that is cut or is no JSON', async (t) => {
  const cut: Answer = (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"metadata":');
    setTimeout(() => response.socket?.resetAndDestroy(), 10);
  };
  const { client, server } = await clientOf(t, [cut]);
  assert.equal((await thrown(client.get(pods, at))).code, 'KUBE_BROKEN_ANSWER');
  server.script((_, response) => response.end('OK'));
  assert.equal((await thrown(client.get(pods, at))).code, 'KUBE_BROKEN_ANSWER');
});

test('the time is for the whole answer, not for its beginning', async (t) => {
  const { client, clock, server } = await clientOf(t, [watch(['{"metadata":'])]);
  const reading = thrown(client.get(pods, at, { timeoutMs: 5000 }));
  await server.reached(1);
  await clock.pass(5000);
  assert.equal((await reading).code, 'KUBE_TIMEOUT');
  await until('the connection is gone', () => server.sockets.size === 0);
});

test('an abort ends the request with its reason, and leaves no alarm behind', async (t) => {
  const { client, clock, server } = await clientOf(t, [silent]);
  const controller = new AbortController();
  const reading = client.get(pods, at, { signal: controller.signal });
  await server.reached(1);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(reading, reason);
  assert.equal(clock.waiting, 0);
  await assert.rejects(client.get(pods, at, { signal: controller.signal }), reason);
  assert.equal(server.asked.length, 1);
});

test('nobody there', async (t) => {
  const { client, server } = await clientOf(t, [silent]);
  await server.close();
  const error = await thrown(client.get(pods, at));
  assert.equal(error.code, 'KUBE_UNREACHABLE');
  assert.match(error.message, /^GET http:\/\/127\.0\.0\.1:\d+\/api.*ECONNREFUSED/);
  await server.close().catch(() => undefined);
});

test('connections are kept, and one that the server closed meanwhile is no error of a read', async (t) => {
  const { client, server } = await clientOf(t, [json(pod('a', 1))]);
  await client.get(pods, at);
  await client.get(pods, at);
  assert.equal(server.sockets.size, 1);
  server.script(reset, json(pod('a', 1)));
  await client.get(pods, at);
  assert.equal(server.asked.length, 4);
});

test('a write whose connection broke is not sent again: nobody knows whether it came through', async (t) => {
  const { client, server } = await clientOf(t, [json(pod('a', 1))]);
  await client.get(pods, at);
  server.script(reset, json(pod('a', 1)));
  assert.equal((await thrown(client.create(pods, pod('a', 1)))).code, 'KUBE_UNREACHABLE');
  assert.equal(server.asked.length, 2);
});

test('a token that is refused is asked for anew, once', async (t) => {
  const asked: boolean[] = [];
  const security = async (refused: boolean) => {
    asked.push(refused);
    return { token: refused ? 'new' : 'old' };
  };
  const refuseOld: Answer = (one, response) =>
    one.headers.authorization === 'Bearer new'
      ? json(pod('a', 1))(one, response)
      : status(401, 'Unauthorized')(one, response);
  const { client, server } = await clientOf(t, [refuseOld], { security });
  await client.create(pods, pod('a', 1));
  assert.deepEqual(asked, [false, true]);
  server.script(status(401, 'Unauthorized'));
  assert.equal((await thrown(client.get(pods, at))).code, 'KUBE_UNAUTHORIZED');
  assert.equal(server.asked.length, 4);
});

function fenceOf(): Fence & { open: boolean; readonly controller: AbortController } {
  const controller = new AbortController();
  return {
    open: true,
    controller,
    signal: controller.signal,
    check() {
      if (!this.open) throw new KubeError('KUBE_NOT_LEADER', 'not now');
    },
  };
}

test('behind a closed fence nothing is written, and reads go on', async (t) => {
  const { client, server } = await clientOf(t, [json(pod('a', 1))]);
  const fence = fenceOf();
  const guarded = client.guarded(fence);
  await guarded.create(pods, pod('a', 1));
  fence.open = false;
  for (const write of [
    () => guarded.create(pods, pod('a', 1)),
    () => guarded.update(pods, pod('a', 1)),
    () => guarded.patch(pods, at, {}),
    () => guarded.apply(pods, { metadata: at }),
    () => guarded.delete(pods, at),
  ]) {
    assert.equal((await thrown(write())).code, 'KUBE_NOT_LEADER');
  }
  assert.equal(server.asked.length, 1);
  await guarded.get(pods, at);
  await client.create(pods, pod('a', 1));
  assert.equal(server.asked.length, 3);
});

test('the fence is asked when the write leaves, not when it was called for', async (t) => {
  const fence = fenceOf();
  // Looking for credentials takes a while, and so does connecting.
  const security = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return {};
  };
  const { client, server } = await clientOf(t, [json(pod('a', 1))], { security });
  const writing = thrown(client.guarded(fence).create(pods, pod('a', 1)));
  fence.open = false;
  assert.equal((await writing).code, 'KUBE_NOT_LEADER');
  assert.equal(server.asked.length, 0);
});

test('a write that is under way when the term ends is cut', async (t) => {
  const fence = fenceOf();
  const { client, server } = await clientOf(t, [silent]);
  const writing = thrown(client.guarded(fence).create(pods, pod('a', 1)));
  await server.reached(1);
  fence.controller.abort(new KubeError('KUBE_NOT_LEADER', 'over'));
  assert.equal((await writing).code, 'KUBE_NOT_LEADER');
  await until('the connection is gone', () => server.sockets.size === 0);
});
