import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createClient } from '../client/client.ts';
import type { Observation } from '../observe.ts';
import { TestClock } from '../testing/clock.ts';
import { type Answer, json, pod, scriptedServer, status } from '../testing/scripted-server.ts';
import { until } from '../testing/until.ts';
import { pods } from '../testing/watching.ts';
import { createRecorder } from './recorder.ts';
import type { Recorded } from './types.ts';

async function recorderOf(t: TestContext, ...answers: Answer[]) {
  const server = await scriptedServer();
  server.script(...(answers.length > 0 ? answers : [json({})]));
  const client = createClient(server.connection, { fieldManager: 'test' });
  t.after(async () => {
    client.close();
    await server.close();
  });
  const clock = new TestClock();
  const observations: Observation[] = [];
  const observe = (one: Observation) => observations.push(one);
  const events = createRecorder(client, {
    controller: 'example.io/x',
    instance: 'pod-1',
    clock,
    observe,
  });
  const sent = () =>
    server.asked.map(({ method, path, body }) => ({ method, path, ...JSON.parse(body) }));
  return { server, clock, events, observations, sent };
}

const event: Recorded = { type: 'Warning', reason: 'TooLarge', action: 'Compile', note: 'it is' };

test('an Event says who did what to which object', async (t) => {
  const { events, sent } = await recorderOf(t);
  events.record(pods, pod('a', 7), event);
  await events.flush();
  const [{ metadata, ...rest }] = sent();
  assert.match(metadata.name, /^a\.[0-9a-f]{12}$/);
  assert.deepEqual(rest, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    method: 'POST',
    path: '/apis/events.k8s.io/v1/namespaces/ci/events',
    eventTime: '2030-01-01T00:00:00.000000Z',
    type: 'Warning',
    reason: 'TooLarge',
    action: 'Compile',
    note: 'it is',
    reportingController: 'example.io/x',
    reportingInstance: 'pod-1',
    regarding: {
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'a',
      namespace: 'ci',
      uid: 'uid-a',
      resourceVersion: '7',
    },
  });
});

test('what has no namespace is told in default; long notes are cut between characters', async (t) => {
  const { events, sent } = await recorderOf(t);
  const name = 'n'.repeat(253);
  events.record(pods, { metadata: { name } }, { ...event, note: '€'.repeat(2000) });
  await events.flush();
  const [{ path, note, metadata }] = sent();
  assert.match(path, /namespaces\/default\//);
  assert.equal(note, '€'.repeat(341));
  assert.equal(metadata.name.length, 253);
});

test('the same again is a series: the second is told at once, then once a minute, the rest at the end', async (t) => {
  const { events, clock, server, sent } = await recorderOf(t);
  events.record(pods, pod('a', 7), event);
  await server.reached(1);
  events.record(pods, pod('a', 8), event);
  await clock.pass(0);
  await server.reached(2);
  for (let i = 0; i < 50; i += 1) {
    events.record(pods, pod('a', 9), event);
    await clock.pass(1000);
  }
  assert.equal(server.asked.length, 2);
  await clock.pass(10_000);
  await server.reached(3);
  events.record(pods, pod('a', 9), event);
  await events.flush();
  const series = sent().map((one) => [one.method, one.series?.count]);
  assert.deepEqual(series, [
    ['POST', undefined],
    ['PATCH', 2],
    ['PATCH', 52],
    ['PATCH', 53],
  ]);
  assert.equal(sent()[3].series.lastObservedTime, '2030-01-01T00:01:00.000000Z');
  await events.flush();
  assert.equal(server.asked.length, 4);
});

test('another reason, note or object is another Event, and so is the same after some minutes', async (t) => {
  const { events, clock, sent } = await recorderOf(t);
  events.record(pods, pod('a', 7), event);
  events.record(pods, pod('a', 7), { ...event, reason: 'Other' });
  events.record(pods, pod('a', 7), { ...event, note: 'other' });
  events.record(pods, pod('b', 7), event);
  await clock.pass(7 * 60_000);
  events.record(pods, pod('a', 7), event);
  await events.flush();
  assert.deepEqual(
    sent().map(({ method }) => method),
    ['POST', 'POST', 'POST', 'POST', 'POST'],
  );
});

test('a series whose Event has expired begins with a new one', async (t) => {
  const { events, server, sent } = await recorderOf(t, json({}), status(404, 'NotFound'), json({}));
  events.record(pods, pod('a', 7), event);
  await server.reached(1);
  events.record(pods, pod('a', 7), event);
  await events.flush();
  assert.deepEqual(
    sent().map((one) => [one.method, one.series?.count]),
    [
      ['POST', undefined],
      ['PATCH', 2],
      ['POST', 2],
    ],
  );
});

test('one object cannot flood: 25 at once, then one a minute; others are not held up', async (t) => {
  const { events, clock, observations, sent } = await recorderOf(t);
  const many = (name: string, count: number) => {
    for (let i = 0; i < count; i += 1)
      events.record(pods, pod(name, 7), { ...event, note: `${clock.monotonic()} ${i}` });
  };
  many('a', 100);
  many('b', 1);
  await events.flush();
  assert.equal(sent().length, 26);
  assert.equal(observations.filter(({ type }) => type === 'event-dropped').length, 75);
  await clock.pass(120_000);
  many('a', 10);
  await events.flush();
  assert.equal(sent().length, 28);
});

test('an API server that refuses Events is told of and hinders nobody', async (t) => {
  const { events, observations } = await recorderOf(t, status(403, 'Forbidden'));
  events.record(pods, pod('a', 7), event);
  await events.flush();
  await until('it was told', () => observations.length === 1);
  const [dropped] = observations;
  assert.ok(dropped?.type === 'event-dropped' && dropped.error instanceof Error);
});
