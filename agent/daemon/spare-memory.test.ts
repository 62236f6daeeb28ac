import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SpareMemory } from './spare-memory.ts';

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const seen = { times: 0 };
  const memory = new SpareMemory(async () => {
    seen.times += 1;
    throw new Error('no thread is free');
  });
  return { memory, seen, pass: (ms: number) => t.mock.timers.tick(ms) };
}

test('what was needed to begin is given back', (t) => {
  const { seen, pass } = setUp(t);
  pass(999);
  assert.equal(seen.times, 0);
  pass(1);
  assert.equal(seen.times, 1);
  pass(100_000);
  assert.equal(seen.times, 1, 'and then nothing is done');
});

test('a burst is waited out, and each is followed by one release, whatever became of the last', (t) => {
  const { memory, seen, pass } = setUp(t);
  for (let burst = 1; burst <= 2; burst++) {
    for (let pods = 0; pods < 30; pods++) {
      memory.changed();
      pass(500);
    }
    assert.equal(seen.times, burst - 1);
    pass(1000);
    assert.equal(seen.times, burst);
  }
});
