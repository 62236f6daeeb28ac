import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { serveHealth } from './health.ts';

test('health, readiness with what is wrong, and metrics', async (t) => {
  const metrics = new Registry();
  new Counter({ name: 'things_total', help: 'Things.', registers: [metrics] }).inc();
  let problems: readonly string[] = ['The caches are not complete.'];
  const health = await serveHealth({
    address: '127.0.0.1',
    port: 0,
    metrics,
    problems: () => problems,
  });
  t.after(() => health.close());
  const get = async (path: string, method = 'GET') => {
    const reply = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
    return `${reply.status} ${(await reply.text()).split('\n')[0]}`;
  };
  assert.equal(await get('/healthz'), '200 ok');
  assert.equal(await get('/readyz'), '503 The caches are not complete.');
  problems = [];
  assert.equal(await get('/readyz'), '200 ok');
  assert.match(await get('/metrics'), /^200 # HELP things_total/);
  assert.equal(await get('/'), '404 /healthz, /readyz, /metrics');
  assert.equal(await get('/healthz', 'POST'), '405 GET only');
});

test('a port that is taken is an error', async (t) => {
  const options = { address: '127.0.0.1', metrics: new Registry(), problems: () => [] };
  const first = await serveHealth({ ...options, port: 0 });
  t.after(() => first.close());
  await assert.rejects(serveHealth({ ...options, port: first.port }), { code: 'EADDRINUSE' });
});
