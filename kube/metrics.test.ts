import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { KubeError } from './errors.ts';
import { prometheus } from './metrics.ts';
import type { Observation } from './observe.ts';

test('each observation is a metric', async () => {
  const registry = new Registry();
  const observe = prometheus(registry, 'x_');
  const error = new KubeError('KUBE_GONE', '');
  const resource = 'pods';
  const observations: Observation[] = [
    { type: 'request', verb: 'get', resource, status: 200, ms: 30 },
    { type: 'listed', resource, objects: 12, by: 'watch' },
    { type: 'no-streaming', resource, error },
    { type: 'event', resource, change: 'ADDED' },
    { type: 'watch-failed', resource, error, waitMs: 1 },
    { type: 'listener-failed', resource, error },
    { type: 'queue', name: resource, waiting: 5 },
    { type: 'handled', resource, key: 'a', handler: 'h', ms: 5, attempt: 0, error: undefined },
    { type: 'handled', resource, key: 'a', handler: 'h', ms: 5, attempt: 0, error: new Error('x') },
    { type: 'leading', leading: true, holder: 'me' },
    { type: 'lease-failed', error },
    { type: 'event-dropped', reason: 'R', error: undefined },
  ];
  for (const one of observations) observe(one);
  const text = await registry.metrics();
  for (const line of [
    'x_request_seconds_bucket{le="0.1",verb="get",resource="pods",status="200"} 1',
    'x_lists_total{resource="pods",by="watch"} 1',
    'x_listed_objects{resource="pods"} 12',
    'x_no_streaming{resource="pods"} 1',
    'x_watch_events_total{resource="pods",change="ADDED"} 1',
    'x_watch_failures_total{resource="pods",code="KUBE_GONE"} 1',
    'x_listener_failures_total{resource="pods"} 1',
    'x_queue_waiting{name="pods"} 5',
    'x_handler_seconds_count{resource="pods",handler="h",outcome="done"} 1',
    'x_handler_seconds_count{resource="pods",handler="h",outcome="other"} 1',
    'x_leading 1',
    'x_lease_failures_total 1',
    'x_events_dropped_total{reason="rate"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`);
  }
});
