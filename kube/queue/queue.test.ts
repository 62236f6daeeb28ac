import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeError } from '../errors.ts';
import { TestClock } from '../testing/clock.ts';
import { KeyedQueue } from './queue.ts';

/** A queue whose turns last until the test ends them. */
function workshop(concurrency = 2) {
  const clock = new TestClock();
  const open: {
    key: string;
    attempt: number;
    end: (wait?: number) => Promise<void>;
    fail: (error?: unknown) => Promise<void>;
  }[] = [];
  const begun: string[] = [];
  const failed: string[] = [];
  const queue = new KeyedQueue({
    concurrency,
    clock,
    failed: (key, _, attempt) => failed.push(`${key}#${attempt}`),
    run: (key, attempt) => {
      begun.push(key);
      return new Promise((resolve, reject) => {
        const settle = async (call: () => void) => {
          open.splice(
            open.findIndex((one) => one.key === key),
            1,
          );
          call();
          await clock.pass(0);
        };
        open.push({
          key,
          attempt,
          end: (wait) => settle(() => resolve(wait)),
          fail: (error = new Error('no')) => settle(() => reject(error)),
        });
      });
    },
  });
  const running = (key: string) => {
    const found = open.find((one) => one.key === key);
    assert.ok(found, `${key} does not run; ${open.map((one) => one.key)} do`);
    return found;
  };
  return { clock, queue, begun, failed, running, open };
}

test('many adds are one turn; what comes during it is one more', async () => {
  const { queue, begun, running } = workshop();
  queue.start();
  for (let i = 0; i < 5; i += 1) queue.add('a');
  for (let i = 0; i < 5; i += 1) queue.add('a');
  assert.deepEqual(begun, ['a']);
  await running('a').end();
  assert.deepEqual(begun, ['a', 'a']);
  await running('a').end();
  assert.deepEqual(begun, ['a', 'a']);
});

test('no key runs twice at a time, and no more keys than allowed; first come, first served', async () => {
  const { queue, begun, running, open } = workshop(2);
  for (const key of ['a', 'b', 'c', 'd', 'b']) queue.add(key);
  assert.deepEqual(begun, []);
  queue.start();
  assert.deepEqual(begun, ['a', 'b']);
  queue.add('a');
  await running('b').end();
  assert.deepEqual(begun, ['a', 'b', 'c']);
  await running('a').end();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  await running('c').end();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'a']);
  assert.equal(open.length, 2);
});

test('failures wait twice as long each time, at most five minutes, and are forgotten after a success', async () => {
  const { queue, clock, begun, running, failed } = workshop();
  queue.start();
  queue.add('a');
  const waits: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    await running('a').fail();
    const before = clock.monotonic();
    while (begun.length === i + 1) await clock.pass(500);
    waits.push(clock.monotonic() - before);
    assert.equal(running('a').attempt, i + 1);
  }
  assert.deepEqual(waits.slice(0, 4), [500, 1000, 2000, 4000]);
  assert.deepEqual(waits.slice(-2), [300_000, 300_000]);
  assert.equal(failed[2], 'a#2');
  await running('a').end();
  queue.add('a');
  assert.equal(running('a').attempt, 0);
});

test('a server that asks for more time gets it', async () => {
  const { queue, clock, begun, running } = workshop();
  queue.start();
  queue.add('a');
  await running('a').fail(new KubeError('KUBE_TOO_MANY_REQUESTS', '', { retryAfterMs: 9000 }));
  await clock.pass(8999);
  assert.equal(begun.length, 1);
  await clock.pass(1000);
  assert.equal(begun.length, 2);
});

test('after a failure an add comes at once, a nudge does not', async () => {
  const { queue, begun, running } = workshop();
  queue.start();
  queue.add('a');
  queue.nudge('a');
  await running('a').fail();
  assert.equal(begun.length, 1);
  queue.nudge('a');
  assert.equal(begun.length, 1);
  queue.add('a');
  assert.equal(begun.length, 2);
  queue.add('a');
  await running('a').fail();
  assert.equal(begun.length, 3);
  queue.nudge('a');
  await running('a').end();
  assert.equal(begun.length, 4);
  await running('a').end();
  queue.nudge('a');
  assert.equal(begun.length, 5);
});

test('a turn may ask for the next one; the sooner of two times holds, and an add comes before', async () => {
  const { queue, clock, begun, running } = workshop();
  queue.start();
  queue.add('a');
  await running('a').end(1000);
  queue.addAfter('a', 5000);
  await clock.pass(999);
  assert.equal(begun.length, 1);
  await clock.pass(1);
  assert.equal(begun.length, 2);
  await running('a').end(1000);
  queue.addAfter('a', 400);
  await clock.pass(400);
  assert.equal(begun.length, 3);
  await running('a').end(1000);
  queue.add('a');
  await running('a').end();
  await clock.pass(10_000);
  assert.equal(begun.length, 4);
});

test('a pause waits for what runs, starts nothing, and loses nothing', async () => {
  const { queue, clock, begun, running } = workshop(1);
  queue.start();
  queue.add('a');
  queue.add('b');
  let paused = false;
  const pausing = queue.pause().then(() => {
    paused = true;
  });
  await clock.pass(1000);
  assert.equal(paused, false);
  await running('a').end();
  await pausing;
  assert.deepEqual(begun, ['a']);
  await queue.pause();
  queue.start(['c']);
  assert.deepEqual(begun, ['a', 'b']);
  await running('b').end();
  assert.deepEqual(begun, ['a', 'b', 'c']);
});

test('what is cleared comes no more', async () => {
  const { queue, clock, begun, running } = workshop(1);
  queue.start();
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 100);
  queue.clear();
  await running('a').end();
  await clock.pass(1000);
  assert.deepEqual(begun, ['a']);
  assert.equal(clock.waiting, 0);
});
