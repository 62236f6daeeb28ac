import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Client, KubeError } from '#kube/index.ts';
import { TestClock } from '#kube/testing/clock.ts';
import { Reporter } from './reporter.ts';
import type { NodeAgentObject } from './resources.ts';
import type { Facts } from './status.ts';

const MINUTE = 60_000;

/** A reporter against an API server in memory; `writes` says when each was, in seconds. */
async function setUp(t: TestContext) {
  const clock = new TestClock();
  const began = clock.monotonic();
  const writes: number[] = [];
  let away = false;
  let nodes: number | undefined;
  let agent: NodeAgentObject | undefined = {
    metadata: { name: 'node-1', uid: 'u', generation: 1 },
    spec: {},
  } as unknown as NodeAgentObject;
  let facts: Facts = {
    version: '0.1.0',
    kernel: '6.1.0',
    capabilities: [],
    hostProblems: [],
    connected: true,
    left: false,
    bindings: [],
    pods: { enforced: 0, failed: 0 },
  };
  const faults: unknown[] = [];
  const client = {
    async apply(_: unknown, { status }: { status: object }) {
      writes.push((clock.monotonic() - began) / 1000);
      if (away) throw new KubeError('KUBE_UNREACHABLE', 'nobody answers');
      if (agent) agent = { ...agent, status } as NodeAgentObject;
    },
  } as unknown as Client;
  const reporter = new Reporter({
    ...{ client, clock },
    agent: () => agent,
    facts: () => facts,
    nodes: () => nodes,
    fault: (error) => faults.push(error),
  });
  const stopped = new AbortController();
  const running = reporter.run(stopped.signal);
  t.after(async () => {
    stopped.abort();
    await running;
  });
  return {
    ...{ clock, writes, faults },
    say(next: Partial<Facts>) {
      facts = { ...facts, ...next };
      reporter.nudge();
    },
    grow(to: number) {
      nodes = to;
    },
    unplug(is: boolean) {
      away = is;
    },
    forget() {
      agent = undefined;
      reporter.nudge();
    },
  };
}
const binding = (letter: string) => ({ namespace: 'ci', name: 'x', digest: letter.repeat(64) });

test('it writes once at the start, and never again while nothing changes', async (t) => {
  const { clock, writes } = await setUp(t);
  await clock.pass(60 * MINUTE);
  assert.equal(writes.length, 1);
  assert.ok((writes[0] ?? 0) <= 1);
});

test('a digest is told within a second, also soon after another; of many in a row not each', async (t) => {
  const { clock, writes, say } = await setUp(t);
  await clock.pass(MINUTE);
  for (const letter of 'abcde') {
    say({ bindings: [binding(letter)] });
    await clock.pass(1200);
  }
  await clock.pass(MINUTE);
  const [, first = 0, second = 0, third = 0, fourth = 0] = writes;
  for (const [at, told] of [first, second, third].entries()) {
    const said = 60 + at * 1.2;
    assert.ok(told - said >= 0 && told - said <= 1, `${said} is told at ${told}`);
  }
  assert.equal(writes.length, 5, 'what the last of these say is told together');
  assert.ok(fourth - first >= 5 && fourth - first <= 6.1, `${fourth}`);
});

test('the more nodes there are, the longer they take turns', async (t) => {
  const { clock, writes, say, grow } = await setUp(t);
  const delays = async (nodes: number, step: number): Promise<number[]> => {
    grow(nodes);
    const found: number[] = [];
    for (let turn = 0; turn < 8; turn++) {
      await clock.pass(2 * MINUTE);
      const before = writes.length;
      say({ bindings: [binding('0123456789abcdef'[turn % 16] ?? '')] });
      const began = clock.monotonic();
      while (writes.length === before) await clock.pass(step);
      found.push(clock.monotonic() - began);
    }
    return found;
  };
  assert.ok(Math.max(...(await delays(3, 10))) <= 40);
  const thousand = await delays(1000, 100);
  assert.ok(Math.max(...thousand) <= 10_100 && Math.max(...thousand) > 3000);
  assert.ok(Math.max(...(await delays(1_000_000, 500))) <= 60_500);
});

test('counts of pods are told every few minutes at most, and a pod that fails at once', async (t) => {
  const { clock, writes, say } = await setUp(t);
  for (let enforced = 0; enforced < 600; enforced += 1) {
    say({ pods: { enforced, failed: 0 } });
    await clock.pass(6000);
  }
  assert.ok(writes.length >= 10 && writes.length <= 14, `${writes.length} in an hour`);
  const before = writes.length;
  say({ pods: { enforced: 600, failed: 1 } });
  await clock.pass(7000);
  assert.equal(writes.length, before + 1);
});

test('while nobody answers it tries ever more seldom, and tells of the first time alone', async (t) => {
  const { clock, writes, faults, say, unplug } = await setUp(t);
  await clock.pass(MINUTE);
  unplug(true);
  say({ bindings: [binding('a')] });
  await clock.pass(10 * MINUTE);
  assert.ok(writes.length > 6 && writes.length < 22, `${writes.length}`);
  assert.equal(faults.length, 1);
  unplug(false);
  await clock.pass(2 * MINUTE);
  const after = writes.length;
  await clock.pass(60 * MINUTE);
  assert.equal(writes.length, after);
});

test('without an object of ours there is nothing to write', async (t) => {
  const { clock, writes, forget, say } = await setUp(t);
  forget();
  await clock.pass(MINUTE);
  const before = writes.length;
  say({ bindings: [binding('a')] });
  await clock.pass(60 * MINUTE);
  assert.equal(writes.length, before);
});
