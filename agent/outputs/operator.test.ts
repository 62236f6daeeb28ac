/** Rows on their way to the operator's intake, which is the real one, as its Violations are. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import type { EventSink, NumberedEvent } from '#operator/intake/sink.ts';
import { authority, reviewOf, SERVER, serve } from '#operator/intake/testing/served.ts';
import { violations } from '#operator/resources.ts';
import { startViolations } from '#operator/violations/testing/replica.ts';
import { Operator } from './operator.ts';
import { openOutput } from './testing/output.ts';
import { rowOf, until } from './testing/rows.ts';

const NOW = AbortSignal.abort();
const GO = new AbortController().signal;
const NOWHERE = new URL('http://127.0.0.1:1');

/** The folder that the kubelet keeps, and one for the spool. */
function placeFor(t: TestContext, port: number) {
  const root = mkdtempSync(join(tmpdir(), 'torwacht-operator-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'operator');
  mkdirSync(folder);
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
  put('address', `127.0.0.1:${port}\n`);
  put('server-name', SERVER);
  put('ca.crt', authority.certificate);
  put('token', 'good\n');
  const receiver = () => new Operator({ folder, node: 'n1', userAgent: 'test' });
  return { put, receiver, spool: join(root, 'spool') };
}

function takingSink() {
  const taken: NumberedEvent[] = [];
  const sink: EventSink = {
    name: 'taking',
    take: async ({ events }) => void taken.push(...events),
  };
  return { sink, taken };
}

/** Connections go to one after the other of these ports, as a Service has it. */
async function balance(t: TestContext, ports: readonly number[]) {
  let connections = 0;
  const server = createServer((socket) => {
    const other = connect(ports[connections++ % ports.length] ?? 0, '127.0.0.1');
    for (const [one, end] of [
      [socket, other],
      [other, socket],
    ] as const) {
      one.pipe(end);
      one.on('error', () => end.destroy());
      one.on('close', () => end.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

test('rows come to the operator with their numbers, and are what they were', async (t) => {
  const { sink, taken } = takingSink();
  const { server } = await serve({ sinks: [sink] });
  const { receiver, spool } = placeFor(t, server.port);
  const { output, tally } = openOutput({ url: NOWHERE, folder: spool, receiver: receiver() });
  const rows = [rowOf(), rowOf({ job_name: 'Prüfung \u202e', count: 7, added: 6 })];
  for (const row of rows) output.send(row);
  await until(() => tally.settled === 2);
  await output.end(NOW);
  await server.close(0);
  assert.deepEqual(
    taken,
    rows.map((event, at) => ({ seq: at + 1, event })),
  );
  assert.equal(tally.counts.sent, 2);
});

test('token, authority and address are read anew: what comes late or changes is no error', async (t) => {
  const { sink, taken } = takingSink();
  const { server } = await serve({
    sinks: [sink],
    reviews: { good: reviewOf('n1'), next: reviewOf('n1') },
  });
  t.after(() => server.close(0));
  const { put, receiver: open } = placeFor(t, server.port);
  const receiver = open();
  t.after(() => receiver.close());
  const deliver = (seq: number) =>
    receiver.deliver({ instance: 'i', events: [{ seq, event: rowOf() }] }, GO);
  put('token', 'expired');
  const refused = await deliver(1);
  assert.equal(refused.kind, 'later');
  assert.match(refused.kind === 'later' ? refused.why : '', /UNAUTHENTICATED/);
  put('token', 'next');
  assert.equal((await deliver(1)).kind, 'taken');
  put('ca.crt', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n');
  await assert.rejects(async () => {
    const answer = await deliver(2);
    if (answer.kind === 'later') throw new Error(answer.why);
  });
  put('ca.crt', authority.certificate);
  put('address', '127.0.0.1:1');
  assert.equal((await deliver(2)).kind, 'later');
  put('address', `127.0.0.1:${server.port}`);
  assert.equal((await deliver(2)).kind, 'taken');
  assert.deepEqual(
    taken.map(({ seq }) => seq),
    [1, 2],
  );
});

test('without the folder rows wait', async () => {
  const receiver = new Operator({ folder: '/nonexistent', node: 'n1', userAgent: 'test' });
  await assert.rejects(receiver.deliver({ instance: 'i', events: [] }, GO), { code: 'ENOENT' });
});

test('of two replicas the agent finds the one that leads, and the other when that has changed', async (t) => {
  let leader = 0;
  const { sink, taken } = takingSink();
  const replicas = [0, 1].map((own) => serve({ sinks: [sink], leads: () => leader === own }));
  const [first, second] = await Promise.all(replicas);
  t.after(() => Promise.all([first?.server.close(0), second?.server.close(0)]));
  const ports = [second?.server.port ?? 0, first?.server.port ?? 0];
  const { port, connections } = await balance(t, ports);
  const { receiver: open } = placeFor(t, port);
  const receiver = open();
  t.after(() => receiver.close());
  const deliver = (seq: number) =>
    receiver.deliver({ instance: 'i', events: [{ seq, event: rowOf() }] }, GO);
  assert.equal((await deliver(1)).kind, 'taken');
  assert.equal((await deliver(2)).kind, 'taken');
  assert.equal(connections(), 2, 'it stays where it was answered');
  leader = 1;
  assert.equal((await deliver(3)).kind, 'taken');
  assert.deepEqual(
    taken.map(({ seq }) => seq),
    [1, 2, 3],
  );
  leader = 2;
  const nobody = await deliver(4);
  assert.equal(nobody.kind, 'later');
});

test('what is refused for good is not sent again; what is too much now is, when it is asked for', async (t) => {
  const { sink } = takingSink();
  const limits = { rowsPerSecondOfNode: 0.001, burstOfNode: 1 };
  const { server } = await serve({ sinks: [sink], limits });
  t.after(() => server.close(0));
  const { receiver: open } = placeFor(t, server.port);
  const receiver = open();
  t.after(() => receiver.close());
  const deliver = (seq: number, instance = 'i') =>
    receiver.deliver({ instance, events: [{ seq, event: rowOf() }] }, GO);
  assert.equal((await deliver(1, 'no instance')).kind, 'refused');
  assert.equal((await deliver(1)).kind, 'taken');
  await deliver(2);
  const later = await deliver(3);
  assert.deepEqual([later.kind, later.kind === 'later' && later.after], ['later', 1000]);
});

test('the operator goes and comes back, is killed and replaced, and so is the agent: counts are exact', async (t) => {
  const api = new MemoryApi();
  const limits = { rewrite: 5, writesPerSecond: 100_000, perNamespace: 40, perJob: 30 };
  const probe = await serve({ sinks: [] });
  const { port } = probe.server;
  await probe.server.close(0);
  const { receiver, spool } = placeFor(t, port);
  const lead = async ({ answers = true } = {}) => {
    const { sink, operator, stop } = startViolations({ api, clock: systemClock, limits });
    const leads = () => operator.leading;
    let kept = 0;
    const silent: EventSink = {
      name: 'silent',
      async take(batch, signal) {
        await sink.take(batch, signal);
        kept++;
        if (!answers) await new Promise(() => undefined);
      },
    };
    const { server } = await serve({ sinks: [silent], leads, port });
    // As if it were killed: what is under way is cut off, and what was added up is gone.
    const kill = async () => {
      await server.close(0);
      await stop();
    };
    return { kill, kept: () => kept };
  };
  const agent = () => openOutput({ url: NOWHERE, folder: spool, receiver: receiver() });
  let attempts = 0;
  const sendTo = ({ output }: ReturnType<typeof agent>, rows: number) => {
    const now = new Date().toISOString();
    for (let row = 0; row < rows; row++) {
      const added = 1 + (row % 3);
      attempts += added;
      const job_name = `job-${row % 7}`;
      const common = { time: now, last_seen: now, count: added, added, job_name };
      output.send(rowOf({ ...common, domain: `${row % 90}.example` }));
    }
  };
  const first = agent();
  sendTo(first, 700);
  await until(() => first.tally.counts.retried > 2);
  const one = await lead();
  sendTo(first, 700);
  await until(() => first.tally.counts.sent > 0);
  await one.kill();
  sendTo(first, 700);
  // This one writes rows, and dies before it says so.
  const two = await lead({ answers: false });
  await until(() => two.kept() > 0);
  await two.kill();
  const three = await lead();
  await until(() => first.tally.counts.sent > 512);
  await first.output.end(NOW);
  await three.kill();
  const second = agent();
  sendTo(second, 700);
  const four = await lead();
  await until(() => second.output.waiting === 0);
  await second.output.end(NOW);
  await four.kill();
  const specs = api.list(violations).map(({ spec }) => spec as { count: number });
  assert.equal(specs.length, 41, 'bounded, and one for the rest');
  assert.equal(
    specs.reduce((sum, { count }) => sum + count, 0),
    attempts,
  );
  const lost = [first, second].map(({ tally }) => Object.values(tally.counts.dropped));
  assert.deepEqual(
    lost.flat().filter((rows) => rows > 0),
    [],
  );
});
