import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '../testing/clock.ts';
import { LeaseTerm, momentOf } from './term.ts';

test('a term lasts from when its renewal was sent, not from when the answer came', async () => {
  const clock = new TestClock();
  const term = new LeaseTerm(1, momentOf(clock), 10_000, clock);
  await clock.pass(4000);
  const sent = momentOf(clock);
  await clock.pass(3000);
  term.renewed(sent);
  assert.equal(term.left, 7000);
  await clock.pass(6999);
  term.check();
  await clock.pass(1);
  assert.equal(term.signal.aborted, true);
});

test('what was over stays over, though the answer to a renewal comes before the alarm', () => {
  const clock = new TestClock();
  const term = new LeaseTerm(1, momentOf(clock), 10_000, clock);
  clock.jump(8000);
  const sent = momentOf(clock);
  clock.jump(3000);
  term.renewed(sent);
  assert.throws(() => term.check(), { code: 'KUBE_NOT_LEADER' });
});
