import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { serveAgentHealth } from './health.ts';
import { Metrics } from './metrics.ts';

test('ready says what is missing; metrics are asked for when somebody looks', async (t) => {
  let problems: string[] = ['the container runtime does not answer'];
  let held = 0;
  const metrics = new Metrics({
    held: () => held,
    pending: () => 2,
    kernel: () => ({ events_lost: 3 }) as never,
    lacks: () => false,
    bundleGood: () => true,
    connected: () => false,
  });
  const health = await serveAgentHealth({
    address: '127.0.0.1',
    port: 0,
    instance: 'one',
    metrics: metrics.registry,
    problems: () => problems,
  });
  t.after(() => health.close());
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
    return `${response.status} ${await response.text()}`;
  };
  assert.equal(await get('/healthz'), '200 ok\n');
  assert.equal(await get('/readyz'), '503 the container runtime does not answer\n');
  problems = [];
  assert.equal(await get('/readyz'), '200 ok\n');
  const { headers } = await fetch(`http://127.0.0.1:${health.port}/nothing`);
  assert.equal(headers.get('torwacht-instance'), 'one');
  assert.match(await get('/'), /^404 .*\/metrics/);
  assert.match(await get('/healthz', 'POST'), /^405 /);
  held = 7;
  metrics.attached(12);
  metrics.attachFailed();
  metrics.row({ action: 'block', reason: 'default' } as EgressEvent);
  const text = await get('/metrics');
  for (const line of [
    'torwacht_pods_held 7',
    'torwacht_pods_pending 2',
    'torwacht_bundle_good 1',
    'torwacht_runtime_connected 0',
    'torwacht_kernel_counter{counter="events_lost"} 3',
    'torwacht_attach_seconds_count 1',
    'torwacht_attach_failures_total 1',
    'torwacht_rows_total{action="block",reason="default"} 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
});

test('an address that is taken is an error that says so', async (t) => {
  const metrics = new Metrics({
    held: () => 0,
    pending: () => 0,
    kernel: () => ({}) as never,
    lacks: () => false,
    bundleGood: () => true,
    connected: () => true,
  });
  const options = {
    ...{ address: '127.0.0.1', instance: '', metrics: metrics.registry },
    problems: () => [],
  };
  const first = await serveAgentHealth({ ...options, port: 0 });
  t.after(() => first.close());
  await assert.rejects(serveAgentHealth({ ...options, port: first.port }), {
    code: 'TW_AGENT_LISTEN',
  });
});
