import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import type { ViolationSpec } from '#api/violation.ts';
import { KubeError, type KubeObject } from '#kube/index.ts';
import { TestClock } from '#kube/testing/clock.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { violations } from '../resources.ts';
import type { ViolationLimits } from './limits.ts';
import { startViolations } from './testing/replica.ts';
import { rowOf } from './testing/rows.ts';

/** Of today, as the clock of tests has it. */
const row = (change: Partial<EgressEvent> = {}): EgressEvent =>
  rowOf({ time: '2030-01-01T00:00:00Z', last_seen: '2030-01-01T00:00:00Z', ...change });
const signal = new AbortController().signal;

/** A replica that leads. */
async function replica(
  t: TestContext,
  { api = new MemoryApi(), limits = {} }: { api?: MemoryApi; limits?: Partial<ViolationLimits> },
) {
  const clock = new TestClock();
  const { sink, fates, stop: end } = startViolations({ api, clock, limits });
  const stop = async () => {
    const ended = end();
    await clock.pass(0);
    await ended;
  };
  t.after(stop);
  await clock.pass(0);
  let last = 0;
  /** Sends rows, each with the next number unless `from` says another; done when they are kept. */
  const send = (events: readonly EgressEvent[], { source = 'n1/a', from = last + 1 } = {}) => {
    last = Math.max(last, from + events.length - 1);
    const numbered = events.map((event, at) => ({ seq: from + at, event }));
    const state = { kept: false, error: undefined as unknown };
    sink.take({ node: 'n1', source, events: numbered }, signal).then(
      () => {
        state.kept = true;
      },
      (error: unknown) => {
        state.error = error;
      },
    );
    return state;
  };
  return { api, clock, sink, fates, send, stop };
}

function all(api: MemoryApi): readonly (KubeObject & { spec: ViolationSpec })[] {
  return api.list(violations) as unknown as readonly (KubeObject & { spec: ViolationSpec })[];
}
const counts = (api: MemoryApi) => all(api).map(({ spec }) => spec.count);

test('a row is kept when its object is written, and not before', async (t) => {
  const { api, clock, send } = await replica(t, {});
  let failing = true;
  api.refuse = () => {
    if (failing) throw new KubeError('KUBE_UNREACHABLE', 'away');
  };
  const sent = send([row()]);
  await clock.pass(10);
  assert.deepEqual([sent.kept, all(api).length], [false, 0]);
  failing = false;
  await clock.pass(2000);
  assert.deepEqual([sent.kept, counts(api)], [true, [1]]);
});

test('an object is written once in two seconds, however much is added meanwhile', async (t) => {
  const { api, clock, send } = await replica(t, {});
  send([row()]);
  await clock.pass(0);
  for (let times = 0; times < 20; times++) {
    send([row({ pod: `p-${times}` })]);
    await clock.pass(50);
  }
  assert.equal(api.writes.length, 1);
  await clock.pass(1000);
  assert.deepEqual([api.writes.length, counts(api)], [2, [21]]);
  await clock.pass(10_000);
  assert.equal(api.writes.length, 2, 'nothing is written that is there');
});

test('what was allowed is no violation, and what is of no namespace is dropped and counted', async (t) => {
  const { api, clock, send, fates } = await replica(t, {});
  const sent = send([
    row({ action: 'allow', reason: 'name' }),
    row({ namespace: 'gone', count: 3, added: 3 }),
    row({ namespace: null }),
  ]);
  await clock.pass(0);
  assert.deepEqual([sent.kept, api.writes], [true, []]);
  assert.deepEqual(fates, { counted: 0, folded: 0, dropped: 4 });
});

test('a row that comes again counts once: at once, later, and where another replica leads now', async (t) => {
  const first = await replica(t, {});
  const { api } = first;
  const rows = [row(), row({ domain: 'b.example' }), row({ pod: 'p-2' })];
  first.send(rows);
  first.send(rows, { from: 1 });
  await first.clock.pass(5000);
  assert.deepEqual(counts(api).toSorted(), [1, 2]);
  await first.stop();
  const second = await replica(t, { api });
  const again = second.send([...rows, row()], { from: 1 });
  await second.clock.pass(5000);
  assert.ok(again.kept);
  assert.deepEqual(counts(api).toSorted(), [1, 3], 'one was new');
  second.send([row()], { source: 'n2/b', from: 1 });
  await second.clock.pass(5000);
  assert.deepEqual(counts(api).toSorted(), [1, 4], 'another agent has numbers of its own');
});

test('marks of what every agent has heard of go', async (t) => {
  const { api, clock, send } = await replica(t, {});
  for (let node = 0; node < 100; node++) send([row()], { source: `n${node}/a`, from: 1 });
  await clock.pass(5000);
  assert.deepEqual(counts(api), [100]);
  assert.equal(all(api)[0]?.spec.merged?.length, 64, 'bounded');
  for (let node = 0; node < 100; node++) send([row()], { source: `n${node}/a`, from: 2 });
  await clock.pass(5000);
  assert.deepEqual(counts(api), [200]);
  for (let node = 0; node < 100; node++)
    send([row({ action: 'allow' })], { source: `n${node}/a`, from: 3 });
  send([row()], { source: 'n0/a', from: 4 });
  await clock.pass(5000);
  assert.deepEqual([counts(api), all(api)[0]?.spec.merged?.length], [[201], 1]);
});

test('nothing that somebody else has written meanwhile is lost', async (t) => {
  const { api, clock, send } = await replica(t, {});
  send([row()]);
  await clock.pass(5000);
  const [object] = all(api);
  assert.ok(object);
  let once = true;
  api.refuse = (write) => {
    if (!once || !write.startsWith('update')) return;
    once = false;
    // As the replica before, whose last write this one's cache has not seen.
    api.put(violations, { ...object, spec: { ...object.spec, count: 40 } });
  };
  const sent = send([row()]);
  await clock.pass(5000);
  assert.deepEqual([sent.kept, counts(api)], [true, [41]]);
});

test('an object that a person deletes begins anew', async (t) => {
  const { api, clock, send } = await replica(t, {});
  send([row({ count: 5, added: 5 })]);
  await clock.pass(5000);
  api.remove(violations, all(api)[0]?.metadata ?? { name: '' });
  await clock.pass(10);
  send([row()]);
  await clock.pass(5000);
  assert.deepEqual(counts(api), [1]);
});

test('a replica that leads no more lets everybody wait elsewhere', async (t) => {
  const { api, clock, send, stop, sink } = await replica(t, {});
  api.refuse = () => {
    throw new KubeError('KUBE_UNREACHABLE', 'away');
  };
  const sent = send([row()]);
  await clock.pass(10);
  assert.equal(sink.unwritten, 1);
  await stop();
  await clock.pass(0);
  assert.equal((sent.error as KubeError).code, 'KUBE_NOT_LEADER');
  await assert.rejects(sink.take({ node: 'n1', source: 's', events: [] }, signal), /does not lead/);
});

test('what the API server will never take is dropped, and nobody waits for it', async (t) => {
  const { api, clock, send, fates } = await replica(t, {});
  api.refuse = () => {
    throw new KubeError('KUBE_INVALID', 'no');
  };
  const sent = send([row({ count: 3, added: 3 })]);
  await clock.pass(10);
  assert.deepEqual([sent.kept, all(api).length, fates.dropped], [true, 0, 3]);
  api.refuse = () => undefined;
  send([row()]);
  await clock.pass(5000);
  assert.deepEqual(counts(api), [1]);
});

test('an object goes when its row was not seen for so long, and one that is seen stays', async (t) => {
  const DAY = 24 * 3600_000;
  const { api, clock, send } = await replica(t, { limits: { keep: 3 * DAY } });
  const now = () => new Date(clock.wall()).toISOString();
  send([row({ last_seen: now() }), row({ domain: 'b.example', last_seen: now() })]);
  await clock.pass(2 * DAY);
  send([row({ last_seen: now() })]);
  await clock.pass(2 * DAY);
  assert.deepEqual(
    all(api).map(({ spec }) => spec.destination),
    ['evil.example'],
  );
  await clock.pass(2 * DAY);
  assert.deepEqual(all(api), []);
});

test('a flood is bounded: by job, by namespace, in writes; and every attempt is in some object', async (t) => {
  const limits = { perNamespace: 20, perJob: 5, writesPerSecond: 10, burst: 10 };
  const { api, clock, send, fates } = await replica(t, { limits });
  const rows = Array.from({ length: 1000 }, (_, at) =>
    row({ job_name: `job-${at % 100}`, domain: `${at}.example`, count: 2, added: 2 }),
  );
  const quiet = row({ namespace: 'web' });
  const sent = send([...Array.from({ length: 20 }, (_, at) => row({ port: at })), ...rows, quiet]);
  await clock.pass(0);
  assert.ok(api.writes.length <= 10, `${api.writes.length} writes at once`);
  await clock.pass(1000);
  assert.ok(api.writes.length <= 20, `${api.writes.length} writes within a second`);
  await clock.pass(10_000);
  assert.ok(sent.kept);
  const inCi = all(api).filter(({ metadata }) => metadata.namespace === 'ci');
  assert.equal(inCi.length, 21);
  assert.equal(inCi.filter(({ spec }) => spec.job === 'install').length, 5);
  const rest = inCi.find(({ metadata }) => metadata.name === 'folded')?.spec;
  assert.deepEqual([rest?.folded?.rows, rest?.count], [1000, 1985]);
  assert.equal(
    counts(api).reduce((sum, one) => sum + one, 0),
    2021,
  );
  assert.deepEqual(fates, { counted: 36, folded: 1985, dropped: 0 });
  assert.equal(all(api).filter(({ metadata }) => metadata.namespace === 'web').length, 1);
  send([row({ port: 3 })]);
  await clock.pass(5000);
  const known = all(api).find(({ spec }) => spec.port === 3);
  assert.equal(known?.spec.count, 2, 'what has an object goes on counting there');
});
