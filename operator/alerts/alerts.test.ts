import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { openReceiver } from '#delivery/testing/receiver.ts';
import { TestClock } from '#kube/testing/clock.ts';
import { Alerts } from './alerts.ts';
import { countingTally, eventOf } from './testing/rows.ts';

const SECOND = 1000;

async function start(t: TestContext) {
  const receiver = await openReceiver();
  const clock = new TestClock();
  const tally = countingTally();
  const alerts = new Alerts({
    ...{ clock, tally: () => tally, leads: () => true, trouble: () => {} },
    secrets: { read: async (namespace, key) => `${receiver.url.href}/${namespace}/${key}` },
  });
  t.after(async () => {
    await alerts.stop();
    await receiver.close();
  });
  const take = (...events: ReturnType<typeof eventOf>[]) =>
    alerts.take({
      ...{ node: 'n', source: 's' },
      events: events.map((event, at) => ({ seq: at + 1, event })),
    });
  /** Paths that get so many messages when rows have been gathered. */
  const told = async (messages: number) => {
    const all = tally.counts.sent + messages;
    await clock.pass(2 * SECOND);
    // A real connection answers in its own time.
    while (tally.counts.sent < all) await clock.pass(0);
    return receiver.received
      .splice(0)
      .map(({ url }) => url)
      .sort();
  };
  return { alerts, clock, take, told, receiver };
}

function binding(name: string, spec: object, namespace = 'ci'): RunnerBinding {
  return {
    ...{ apiVersion: 'torwacht.io/v1alpha1', kind: 'RunnerBinding' },
    ...{ metadata: { name, namespace }, spec: { mode: 'Block', ...spec } },
  } as RunnerBinding;
}

const slack = (name: string, more: object = {}) => ({ name, urlKey: name, ...more });

test('a refusal goes to the routes of the bindings of its namespace, by action and project', async (t) => {
  const { alerts, take, told, clock, receiver } = await start(t);
  const routes = [
    slack('all', { actions: ['block', 'observe'] }),
    slack('blocks'),
    slack('other', { projects: ['7'] }),
  ];
  alerts.follow('ci/a', binding('a', { alerts: { slack: routes } }));
  const wide = { selector: { namespaces: ['ci'] }, alerts: { slack: [slack('wide')] } };
  alerts.follow('x/b', binding('b', wide, 'x'));
  alerts.follow('y/c', binding('c', { alerts: { slack: [slack('elsewhere')] } }, 'y'));
  await take(eventOf());
  assert.deepEqual(await told(3), ['/in/ci/all', '/in/ci/blocks', '/in/x/wide']);
  await take(
    eventOf({ action: 'observe', project_id: '7' }),
    eventOf({ action: 'allow', reason: 'name' }),
    eventOf({ namespace: null }),
  );
  assert.deepEqual(await told(1), ['/in/ci/all']);
  await take(eventOf({ action: 'allow', reason: 'name' }));
  await clock.pass(60 * SECOND);
  assert.deepEqual(receiver.received, [], 'what is allowed wakes nobody');
});

test('a route that stays goes on where the binding changes; one that goes is silent', async (t) => {
  const { alerts, take, told, clock, receiver } = await start(t);
  const both = [slack('one'), slack('two')];
  alerts.follow('ci/a', binding('a', { alerts: { slack: both } }));
  await take(eventOf());
  assert.equal(alerts.open('slack'), 2);
  alerts.follow('ci/a', binding('a', { mode: 'Observe', alerts: { slack: [slack('one')] } }));
  assert.equal(alerts.open('slack'), 1);
  assert.deepEqual(await told(1), ['/in/ci/one']);
  alerts.follow('ci/a', binding('a', { alerts: { slack: [slack('one', { maxPerHour: 5 })] } }));
  assert.equal(alerts.open('slack'), 0, 'another route');
  alerts.follow('ci/a', undefined);
  await take(eventOf());
  await clock.pass(60 * SECOND);
  assert.deepEqual(receiver.received, []);
});

test('a test goes to the routes that are asked for, and says what became of it', async (t) => {
  const { alerts, receiver } = await start(t);
  const routes = { slack: [slack('one'), slack('two')] };
  alerts.follow('ci/a', binding('a', { alerts: routes }));
  receiver.react = ({ url }) => ({ status: url === '/in/ci/two' ? 404 : 200 });
  assert.deepEqual(await alerts.test('ci/a'), [
    { kind: 'slack', name: 'one', answer: { kind: 'taken', refused: 0 } },
    {
      kind: 'slack',
      name: 'two',
      answer: { kind: 'later', why: 'it answers 404', after: undefined },
    },
  ]);
  assert.match(
    receiver.received[0]?.body ?? '',
    /a test of this alert route; nothing has happened/,
  );
  assert.equal((await alerts.test('ci/a', 'one')).length, 1);
  assert.deepEqual(await alerts.test('ci/b'), []);
});
