import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KubeError } from '../errors.ts';
import { TestClock } from '../testing/clock.ts';
import { LeaseServer } from '../testing/lease-server.ts';
import { elect } from './elect.ts';
import type { LeaseTerm } from './term.ts';
import type { Term } from './types.ts';

const settings = { namespace: 'here', name: 'operator' };

/** A candidate with a clock of its own, whose leader does nothing until its term or its time ends. */
function candidate(server: LeaseServer, identity: string, clock = new TestClock()) {
  const stopping = new AbortController();
  const terms: Term[] = [];
  const lead = (term: Term) => {
    terms.push(term);
    return new Promise<void>((resolve) => {
      term.signal.addEventListener('abort', () => resolve());
      stopping.signal.addEventListener('abort', () => resolve());
    });
  };
  const running = elect(
    server.client,
    { ...settings, identity },
    { signal: stopping.signal, clock },
    lead,
  );
  // Asked without `check`, which would wake up one that is stopped.
  const leads = () => ((terms.at(-1) as LeaseTerm | undefined)?.left ?? 0) > 0;
  const stop = async () => {
    stopping.abort();
    for (let i = 0; i < 5; i += 1) await clock.pass(0);
    await running;
  };
  return { clock, terms, leads, stop, running };
}

type Candidate = ReturnType<typeof candidate>;

/** The same time for all, in small steps; one that is stopped finds it gone. */
async function pass(ms: number, all: readonly Candidate[], stopped: readonly Candidate[] = []) {
  for (let gone = 0; gone < ms; gone += 500) {
    for (const one of all) {
      if (stopped.includes(one)) one.clock.jump(Math.min(500, ms - gone));
      else await one.clock.pass(Math.min(500, ms - gone));
    }
  }
}

const holder = (server: LeaseServer) => server.lease?.spec?.holderIdentity;

test('one of two leads; when it stops it gives the Lease back, and the other need not wait', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(0);
  const b = candidate(server, 'b');
  await pass(60_000, [a, b]);
  assert.deepEqual([a.leads(), b.leads()], [true, false]);
  assert.equal(a.terms.length, 1);
  await a.stop();
  assert.equal(holder(server), '');
  await pass(2500, [b]);
  assert.equal(b.leads(), true);
  assert.equal((b.terms[0]?.number ?? 0) > (a.terms[0]?.number ?? 0), true);
  await b.stop();
});

test('a leader that is stopped has no right to write when it wakes up, before any alarm rings', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(0);
  const b = candidate(server, 'b');
  await pass(5000, [a, b]);
  a.clock.jump(8_999);
  assert.equal(a.leads(), true);
  a.clock.jump(1);
  assert.throws(() => a.terms[0]?.check(), { code: 'KUBE_NOT_LEADER' });
  assert.equal(a.terms[0]?.signal.aborted, true);
  await a.stop();
  await b.stop();
});

test('the other begins only when the first may write no more', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(0);
  const b = candidate(server, 'b');
  await pass(5000, [a, b]);
  let waited = 0;
  while (!b.leads()) {
    await pass(500, [a, b], [a]);
    waited += 500;
    assert.equal(a.leads() && b.leads(), false);
    assert.ok(waited < 20_000);
  }
  assert.ok(waited > 12_000, `${waited}`);
  // It wakes up and is a candidate again.
  await pass(30_000, [a, b]);
  assert.deepEqual([a.leads(), b.leads()], [false, true]);
  assert.equal(a.terms[0]?.signal.aborted, true);
  await b.stop();
  await pass(2500, [a]);
  assert.equal(a.terms.length, 2);
  await a.stop();
});

test('a Lease is looked at when it ends, and not some seconds later', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(0);
  const b = candidate(server, 'b');
  await b.clock.pass(0);
  await b.clock.pass(14_990);
  assert.equal(b.leads(), false);
  await b.clock.pass(20);
  assert.equal(b.leads(), true);
  for (const one of [a, b]) await one.stop();
});

test('a machine that slept knows it by the wall clock', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(3000);
  a.clock.jump(3_600_000, { monotonic: false });
  assert.equal(a.leads(), false);
  await a.stop();
});

test('an API server that is away for less than renewMs is no matter; for longer, the term ends in time', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(1000);
  server.away = true;
  await a.clock.pass(6000);
  server.away = false;
  await a.clock.pass(30_000);
  assert.equal(a.terms.length, 1);
  assert.equal(a.leads(), true);
  server.away = true;
  await a.clock.pass(10_000);
  assert.equal(a.terms[0]?.signal.aborted, true);
  server.away = false;
  await a.clock.pass(20_000);
  assert.equal(a.terms.length, 2);
  await a.stop();
});

test('the answer to a renewal that comes after the end does not bring the term back', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(1000);
  const held = Promise.withResolvers<void>();
  server.answers = held.promise;
  await a.clock.pass(12_000);
  assert.equal(a.leads(), false);
  held.resolve();
  await a.clock.pass(100);
  assert.equal(a.terms[0]?.signal.aborted, true);
  await a.stop();
});

test('a Lease that somebody else took ends the term at the next renewal; a label on it does not', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(3000);
  server.write((lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { a: 'b' } } }));
  await a.clock.pass(20_000);
  assert.equal(a.terms.length, 1);
  server.write((lease) => ({ ...lease, spec: { ...lease.spec, holderIdentity: 'x' } }));
  await a.clock.pass(2500);
  assert.equal(a.leads(), false);
  assert.equal(holder(server), 'x');
  await a.stop();
  assert.equal(holder(server), 'x');
});

test('a Lease that was deleted ends the term, and is made anew', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await a.clock.pass(3000);
  server.lease = undefined;
  await a.clock.pass(2500);
  assert.equal(a.terms[0]?.signal.aborted, true);
  await a.clock.pass(5000);
  assert.equal(a.terms.length, 2);
  await a.stop();
});

test('times that leave no room between two leaders are refused', async () => {
  const signal = new AbortController().signal;
  for (const wrong of [{ leaseMs: 5000 }, { retryMs: 6000 }, { renewMs: 15_000 }]) {
    const given = { ...settings, identity: 'a', ...wrong };
    const running = elect(new LeaseServer().client, given, { signal }, async () => undefined);
    await assert.rejects(
      running,
      (error) => error instanceof KubeError && error.code === 'KUBE_CONFIG',
    );
  }
});

const step = fc.record({
  ms: fc.integer({ min: 1, max: 20_000 }),
  stopped: fc.subarray([0, 1, 2]),
  away: fc.boolean(),
});

test('whatever stops, sleeps or fails, no two may write at a time; and one leads when all is well', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const server = new LeaseServer();
      const all = ['a', 'b', 'c'].map((name) => candidate(server, name));
      for (const { ms, stopped, away } of steps) {
        server.away = away;
        const asleep = stopped.flatMap((at) => all[at] ?? []);
        for (let gone = 0; gone < ms; gone += 500) {
          await pass(Math.min(500, ms - gone), all, asleep);
          const leaders = all.filter((one) => one.leads()).length;
          assert.ok(leaders <= 1, `${leaders} may write`);
        }
      }
      server.away = false;
      await pass(40_000, all);
      assert.equal(all.filter((one) => one.leads()).length, 1);
      await Promise.all(all.map((one) => one.stop()));
    }),
    { numRuns: 15 },
  );
});
