/** The probe, under sanitizers: well only when the agent of this very container answers, and well. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { buildParent } from './testing/run.ts';

const { parent } = buildParent();

function probe(env: Record<string, string>): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(parent, ['--probe'], { env }, (error, _out, said) => {
      resolve({ code: Number(error?.code ?? 0), said: said.trim() });
    });
  });
}

async function serve(t: TestContext, answer: RequestListener, host = '127.0.0.1') {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    answer(request, response);
  }).listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const where = { TORWACHT_LISTEN: `${host.includes(':') ? `[${host}]` : host}:${port}` };
  return { where, paths };
}

const answerOf =
  (instance: string, code = 200): RequestListener =>
  (_request, response) =>
    response.writeHead(code, { 'torwacht-instance': instance }).end('ok\n');

test('its own agent answers', async (t) => {
  const { where, paths } = await serve(t, answerOf('pod-1'));
  assert.deepEqual(await probe({ ...where, TORWACHT_INSTANCE: 'pod-1' }), { code: 0, said: '' });
  assert.deepEqual(paths, ['/healthz']);
  assert.equal((await probe(where)).code, 0, 'whoever it is');
});

test('over IPv6', async (t) => {
  const { where } = await serve(t, answerOf('pod-1'), '::1');
  assert.deepEqual(await probe({ ...where, TORWACHT_INSTANCE: 'pod-1' }), { code: 0, said: '' });
});

for (const [what, answer] of [
  ['another', answerOf('pod-11')],
  ['one whose name ends like it', answerOf('other-pod-1')],
  ['one without a name', (_: unknown, response) => response.end('torwacht-instance: pod-1\r\n')],
] as const satisfies readonly (readonly [string, RequestListener])[]) {
  test(`the answer of ${what} is not its own`, async (t) => {
    const { where } = await serve(t, answer);
    const { code, said } = await probe({ ...where, TORWACHT_INSTANCE: 'pod-1' });
    assert.equal(code, 1);
    assert.match(said, /another agent answers/);
  });
}

test('an agent that is not well', async (t) => {
  const { where } = await serve(t, answerOf('pod-1', 500));
  const { code, said } = await probe({ ...where, TORWACHT_INSTANCE: 'pod-1' });
  assert.equal(code, 1);
  assert.match(said, /not well: HTTP\/1\.1 500/);
});

test('a flood of words, and nobody', async (t) => {
  const { where } = await serve(t, (_, response) => void response.end('x'.repeat(1e6)));
  assert.equal((await probe({ ...where, TORWACHT_INSTANCE: 'pod-1' })).code, 1);
  assert.match((await probe({ TORWACHT_LISTEN: '127.0.0.1:1' })).said, /refused/);
});

test('an address that is none', async () => {
  for (const text of ['', ':', '9465', '127.0.0.1:', '127.0.0.1:0', '[:1', '[]:1', 'localhost:1']) {
    const { code } = await probe({ TORWACHT_LISTEN: text });
    assert.equal(code, 64, text);
  }
});
