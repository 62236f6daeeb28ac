import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Answer } from '#delivery/answer.ts';
import { TestClock } from '#kube/testing/clock.ts';
import type { Message } from './message.ts';
import { routesOf } from './route.ts';
import { RouteDelivery } from './route-delivery.ts';
import { countingTally, eventOf } from './testing/rows.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const taken: Answer = { kind: 'taken', refused: 0 };

function start(t: TestContext, kind = 'slack', spec: object = {}) {
  const alerts = {
    [kind]: [{ name: 'oncall', ...(kind === 'slack' ? { urlKey: 'a' } : {}), ...spec }],
  };
  const [route] = routesOf({
    ...{ apiVersion: 'torwacht.io/v1alpha1', kind: 'RunnerBinding' },
    ...{ metadata: { name: 'runners', namespace: 'ci' } },
    spec: { mode: 'Block', gitlab: { url: 'https://gitlab.example/', private: true }, alerts },
  } as never);
  assert.ok(route !== undefined);
  const clock = new TestClock();
  const tally = countingTally();
  const messages: Message[] = [];
  const troubles: (string | undefined)[] = [];
  const state: { leads: boolean; answer: () => Answer | Promise<Answer> } = {
    ...{ leads: true, answer: () => taken },
  };
  const delivery = new RouteDelivery({
    ...{ route, clock, tally, trouble: (why) => void troubles.push(why) },
    leads: () => state.leads,
    receiver: {
      deliver: async (message) => {
        messages.push(message);
        return state.answer();
      },
      close: () => {},
    },
  });
  t.after(() => delivery.stop());
  return { clock, tally, messages, troubles, state, delivery };
}

test('what comes within two seconds is one message, with a link to GitLab', async (t) => {
  const { clock, messages, delivery, tally } = start(t);
  delivery.add(eventOf());
  await clock.pass(SECOND);
  delivery.add(eventOf({ domain: 'b.example' }));
  delivery.add(eventOf());
  assert.equal(messages.length, 0);
  await clock.pass(SECOND);
  assert.equal(messages.length, 1);
  const [message] = messages;
  assert.deepEqual(
    message?.firing.map(({ domain, count, job_url }) => [domain, count, job_url]),
    [
      ['evil.example', 2, 'https://gitlab.example/projects/42'],
      ['b.example', 1, 'https://gitlab.example/projects/42'],
    ],
  );
  await clock.pass(15 * MINUTE + 2 * SECOND);
  assert.equal(messages.length, 2);
  assert.equal(messages[1]?.resolved.length, 2);
  await clock.pass(24 * HOUR);
  assert.equal(messages.length, 2, 'and then silence');
  assert.equal(tally.counts.sent, 2);
  assert.equal(new Set(messages.map(({ id }) => id)).size, 2);
});

test('an hour has so many messages, and every attempt is in one of them', async (t) => {
  const { clock, messages, delivery } = start(t, 'slack', { maxPerHour: 12 });
  let attempts = 0;
  for (let n = 0; n < 3600; n += 5) {
    delivery.add(eventOf({ domain: `d${n}.example` }));
    attempts += 1;
    await clock.pass(5 * SECOND);
  }
  assert.ok(messages.length >= 12 && messages.length <= 12 + 10, `${messages.length}`);
  await clock.pass(10 * MINUTE);
  const told = messages.flatMap(({ firing }) => firing).reduce((sum, { count }) => sum + count, 0);
  const folded = messages.reduce((sum, { more }) => sum + more.attempts, 0);
  assert.equal(told + folded, attempts);
});

test('a receiver that is away gets the same message again, later and later', async (t) => {
  const { clock, messages, delivery, tally, troubles, state } = start(t);
  state.answer = () => Promise.reject(new Error('connect ECONNREFUSED'));
  delivery.add(eventOf());
  await clock.pass(10 * MINUTE);
  const tries = messages.length;
  assert.ok(tries > 8 && tries < 25, `${tries}`);
  delivery.add(eventOf({ domain: 'b.example' }));
  state.answer = () => taken;
  await clock.pass(2 * MINUTE);
  assert.equal(new Set(messages.slice(0, tries + 1).map(({ id }) => id)).size, 1);
  assert.deepEqual(
    messages.at(-1)?.firing.map(({ domain }) => domain),
    ['b.example'],
  );
  assert.deepEqual(tally.counts, {
    ...{ sent: 2, retried: tries, folded: 0, dropped: { refused: 0, ended: 0 } },
  });
  assert.deepEqual(troubles, ['connect ECONNREFUSED', undefined]);
});

test('a receiver that asks for patience has it', async (t) => {
  const { clock, messages, delivery, state } = start(t);
  state.answer = () => ({ kind: 'later', why: 'it answers 429', after: 120 * SECOND });
  delivery.add(eventOf());
  await clock.pass(2 * SECOND + 119 * SECOND);
  assert.equal(messages.length, 1);
  await clock.pass(SECOND);
  assert.equal(messages.length, 2);
});

test('what is refused, and what is left at the end, is counted', async (t) => {
  const { clock, delivery, tally, state, messages } = start(t);
  state.answer = () => ({ kind: 'refused', why: 'it answers 400' });
  delivery.add(eventOf());
  delivery.add(eventOf({ port: 1 }));
  await clock.pass(2 * SECOND);
  assert.deepEqual(tally.counts.dropped, { refused: 2, ended: 0 });
  state.answer = () => ({ kind: 'later', why: 'away' });
  delivery.add(eventOf({ port: 2 }));
  await clock.pass(2 * SECOND);
  delivery.add(eventOf({ port: 3 }));
  await delivery.stop();
  assert.deepEqual(tally.counts.dropped, { refused: 2, ended: 2 });
  assert.equal(messages.length, 2);
});

test('Alertmanager is told again every minute, not more than every ten seconds', async (t) => {
  const { clock, messages, delivery } = start(t, 'alertmanager', { url: 'http://am.example' });
  delivery.add(eventOf());
  await clock.pass(10 * SECOND);
  assert.equal(messages.length, 1);
  await clock.pass(10 * MINUTE);
  const within = messages.length;
  assert.ok(within >= 8 && within <= 11, `${within}`);
  await clock.pass(10 * MINUTE);
  assert.equal(messages.at(-1)?.resolved.length, 1);
});

test('a test message goes out at once, beside the others', async (t) => {
  const { delivery, messages, state } = start(t);
  assert.deepEqual(await delivery.test(), taken);
  state.answer = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
  assert.deepEqual(await delivery.test(), { kind: 'later', why: 'getaddrinfo ENOTFOUND' });
  assert.deepEqual(
    messages.map(({ test: isTest }) => isTest),
    [true, true],
  );
});

test('a replica that leads no more tells nothing more, and begins anew when it leads again', async (t) => {
  const alertmanager = start(t, 'alertmanager', { url: 'http://am.example' });
  alertmanager.delivery.add(eventOf());
  await alertmanager.clock.pass(10 * SECOND);
  alertmanager.state.leads = false;
  await alertmanager.clock.pass(24 * HOUR);
  assert.equal(alertmanager.messages.length, 1, 'neither that it goes on nor that it is over');
  assert.equal(alertmanager.delivery.open, 0);

  const { clock, messages, delivery, state, tally } = start(t);
  state.answer = () => ({ kind: 'later', why: 'away' });
  delivery.add(eventOf());
  await clock.pass(10 * SECOND);
  const tries = messages.length;
  state.leads = false;
  await clock.pass(HOUR);
  assert.equal(messages.length, tries);
  assert.deepEqual(tally.counts.dropped, { refused: 0, ended: 1 });
  state.leads = true;
  state.answer = () => taken;
  delivery.add(eventOf());
  await clock.pass(2 * SECOND);
  assert.equal(messages.at(-1)?.firing[0]?.count, 1);
});
