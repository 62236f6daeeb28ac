import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EgressEvent, type Reason, reasons } from '#api/event.ts';
import { processRecord, rowKey } from '#bpf/layout.ts';
import type { EventRecord, ProcessRecord, Row, RowKey } from '#bpf/records.ts';
import type { RefusedQuery } from '#dns/ports.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { type RowParts, RowTable } from './rows.ts';
import type { ToldRow } from './told-row.ts';

const TARGET = 3;
const START = 77n;
const NAME = 'bad.example.test';

function policyWith(...rules: readonly string[]): CompiledPolicy {
  return {
    mode: 'Block',
    digest: 'd',
    rules: ['default', ...rules].map((name) => ({
      name,
      policy: name === 'default' ? '' : 'ci/web',
    })),
    names: [],
    cidrs: [],
    upstreams: [],
  };
}

function processOf(pid: number, start: bigint, comm = 'node', part = 0n): ProcessRecord {
  const field = Buffer.alloc(16);
  Buffer.from(comm).copy(field);
  return processRecord.read(processRecord.write({ pid, start, comm: field, part }));
}

/** A table over a kernel in memory; `told` is what was told as it happened. `before`: by one before it. */
function setUp(partName?: RowParts['partName'], before: ReadonlyMap<string, number> = new Map()) {
  const rows = new Map<string, { raw: Buffer; row: Row }>();
  const processes = new Map([[`5/${START}`, processOf(5, START)]]);
  const askers = new Map([[4000, { pid: 5, start: START }]]);
  const policies = new Map([
    [1, policyWith('old rule')],
    [2, policyWith('new rule')],
  ]);
  const told: EgressEvent[] = [];
  const table = new RowTable({
    kernel: {
      row: (key) => rows.get(key.toString('hex'))?.row,
      rowKeys: (target) =>
        [...rows.values()]
          .map(({ raw }) => raw)
          .filter((raw) => rowKey.read(raw).target === target),
      process: (pid, start) => processes.get(`${pid}/${start}`),
      partName: (part) => (part === 7n ? 'cgroup-7' : undefined),
      asker: (target, _addr, port) => (target === TARGET ? askers.get(port) : undefined),
    },
    target: {
      spec: { id: TARGET },
      policy: policies.get(2) as CompiledPolicy,
      inForce: { table: 2 },
      names: { nameOf: (id) => (id === 9 ? NAME : null) },
      policyOf: (number) => policies.get(number),
    },
    searches: ['ci.svc.cluster.local', 'svc.cluster.local'],
    labels: { target: 't', namespace: null, pod: null, project_id: '42', job_name: 'install' },
    now: () => 1000,
    wallTime: (boot) => Number(boot / 1_000_000n),
    outside: () => false,
    ...(partName && { partName }),
    toldOf: (row) => before.get(row.toString('latin1')) ?? 0,
    onRow(event, parts) {
      told.push(event);
      assertSpan({ event, parts });
    },
  });
  const finish = () => table.finish().map(eventOfRow);
  const grown = () => table.grown().map(eventOfRow);
  /** The kernel's own count of a row. */
  const keep = (key: RowKey, count: number, last = 9_000_000n) => {
    const raw = rowKey.write(key);
    rows.set(raw.toString('hex'), { raw, row: { count: BigInt(count), first: 1_000_000n, last } });
  };
  return { table, finish, grown, told, keep, processes };
}

/** What was told of rows by an agent before. */
function before(...told: readonly (readonly [RowKey, number])[]): ReadonlyMap<string, number> {
  return new Map(told.map(([key, count]) => [rowKey.write(key).toString('latin1'), count]));
}

/** What the kernel's rows behind it span is what it adds; behind a look-up there are none. */
function assertSpan({ event, parts }: ToldRow): void {
  const span = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  if (event.port !== null || parts.length > 0) assert.equal(span, event.added);
}

function eventOfRow(row: ToldRow): EgressEvent {
  assertSpan(row);
  return row.event;
}

function keyOf(change: Partial<Omit<RowKey, 'reason'>> & { reason?: Reason } = {}): RowKey {
  const addr = Buffer.alloc(16);
  addr.writeUInt32BE(0xffff, 8);
  addr.writeUInt32BE(constantAddress('198.51.100.7'), 12);
  const { reason = 'default', ...rest } = change;
  return {
    ...{ start: START, target: TARGET, pid: 5, name: 0, addr, port: 8000, rule: 0, table: 2 },
    ...{ proto: 6, passed: 0, hook: 0, _pad: 0, reason: reasons.indexOf(reason) },
    ...rest,
  };
}

function eventOf(key: RowKey, process?: ProcessRecord, time = 1_000_000n): EventRecord {
  const one = process ?? processRecord.read(Buffer.alloc(processRecord.size));
  return { time, row: [key], has_process: process ? 1 : 0, _pad: 0, process: [one] };
}

const node = processOf(5, START);
const query = (change: Partial<RefusedQuery> = {}): RefusedQuery => ({
  name: NAME,
  type: 1,
  reason: 'default',
  rule: 0,
  cname: null,
  address: null,
  client: { address: '127.0.0.1', port: 4000, transport: 'udp' },
  resolved: false,
  ...change,
});

test('a refused connection is a row with address and port, and no domain', () => {
  const { table, finish, told, keep } = setUp();
  const key = keyOf();
  keep(key, 1);
  table.add([eventOf(key, node)]);
  assert.equal(told.length, 1);
  const [row] = finish();
  assert.match(row?.id ?? '', /^[\w-]{22}$/);
  assert.deepEqual(row, {
    ...{ id: told[0]?.id, added: 0 },
    ...{ version: 1, time: '1970-01-01T00:00:00.001Z', last_seen: '1970-01-01T00:00:00.009Z' },
    ...{
      target: 't',
      namespace: null,
      pod: null,
      project_id: '42',
      job_name: 'install',
      job_url: null,
    },
    ...{ container: null, action: 'block' },
    ...{ pid: 5, comm: 'node', parent_comm: null, exe: null, argv: null, uid: 0, ancestry: [] },
    ...{ domain: null, ip: '198.51.100.7', port: 8000, protocol: 'tcp', count: 1 },
    ...{ rule: 'default', policy: null, reason: 'default' },
  });
});

test('a refused name is a row with its domain, and without address or port', () => {
  const { table, finish, told } = setUp();
  table.refused(query());
  const [row] = finish();
  assert.deepEqual([row?.domain, row?.ip, row?.port, row?.pid], [NAME, null, null, 5]);
  assert.equal(told.length, 1);
});

test('an address of a known name is told with its domain', () => {
  const { table, finish } = setUp();
  table.add([eventOf(keyOf({ name: 9, reason: 'port' }), node)]);
  assert.equal(finish()[0]?.domain, NAME);
});

test('the kernel’s counts are absolute: its last word holds, asked once or often', () => {
  const { table, finish, keep } = setUp();
  const key = keyOf();
  table.add([eventOf(key, node)]);
  keep(key, 5);
  assert.deepEqual([finish()[0]?.count, finish()[0]?.count], [5, 5]);
  keep(key, 12);
  assert.equal(finish()[0]?.count, 12);
});

test('what events of a row add makes its count, and all say the same id', () => {
  const { table, finish, told, keep } = setUp();
  const key = keyOf();
  table.add([eventOf(key, node)]);
  keep(key, 7);
  const [last] = finish();
  assert.deepEqual([told[0]?.count, told[0]?.added], [1, 1]);
  assert.deepEqual([last?.count, last?.added, last?.id], [7, 6, told[0]?.id]);
  assert.equal(finish()[0]?.added, 0, 'it is told');
  const other = setUp();
  other.table.add([eventOf(keyOf({ port: 8001 }), node)]);
  assert.notEqual(other.told[0]?.id, last?.id);
});

test('what has happened again is told meanwhile, once, and what waits goes on waiting', () => {
  const { table, grown, finish, told, keep } = setUp();
  const key = keyOf();
  table.add([eventOf(key, node)]);
  table.refused(query({ resolved: true, name: 'waits.example' }));
  keep(key, 4);
  const more = grown();
  assert.deepEqual(
    more.map(({ id, count, added }) => [id, count, added]),
    [[told[0]?.id, 4, 3]],
  );
  assert.deepEqual(grown(), []);
  keep(key, 6);
  const rows = finish();
  assert.deepEqual(
    rows.map(({ count, added }) => [count, added]),
    [
      [6, 2],
      [1, 0],
    ],
  );
});

test('an agent after another goes on where that one was: the same row, and only what it adds', () => {
  const key = keyOf();
  const { table, finish, grown, told, keep } = setUp(undefined, before([key, 4]));
  keep(key, 7);
  table.find();
  const counts = (rows: readonly EgressEvent[]) => rows.map(({ count, added }) => [count, added]);
  assert.deepEqual([told, counts(grown())], [[], [[7, 3]]], 'also while it runs');
  keep(key, 9);
  const [row] = finish();
  assert.deepEqual([told.length, row?.count, row?.added], [0, 9, 2]);
  const nothing = setUp(undefined, before([key, 0]));
  nothing.keep(key, 7);
  const rows = nothing.finish();
  assert.deepEqual([counts(nothing.told), counts(rows)], [[[1, 1]], [[7, 6]]]);
  const all = setUp(undefined, before([key, 7]));
  all.keep(key, 7);
  assert.deepEqual([counts(all.finish()), all.told], [[[7, 0]], []]);
  const former = setUp();
  former.table.add([eventOf(key, node)]);
  assert.equal(row?.id, former.told[0]?.id);
});

test('a row of several of the kernel’s, each told as far as it was', () => {
  const [a, b] = [keyOf({ hook: 0 }), keyOf({ hook: 2 })];
  const { finish, told, keep } = setUp(undefined, before([a, 3], [b, 1]));
  keep(a, 5);
  keep(b, 2);
  keep(keyOf({ table: 1 }), 10);
  assert.deepEqual(
    finish().map(({ count, added }) => [count, added]),
    [[17, 13]],
  );
  assert.deepEqual(told, []);
});

test('a row whose first telling waits for a name does not grow before it', async () => {
  const name = Promise.withResolvers<string>();
  const { table, grown, told, keep } = setUp(() => name.promise);
  const key = keyOf({ pid: 6 });
  table.add([eventOf(key, processOf(6, START, 'node', 7n))]);
  keep(key, 5);
  assert.deepEqual(grown(), []);
  name.resolve('build');
  await table.said();
  assert.deepEqual(
    [...told, ...grown()].map(({ added }) => added),
    [1, 4],
  );
});

test('a look-up adds all that was asked until it is told', () => {
  const { table, finish, told } = setUp();
  table.refused(query());
  table.refused(query());
  const [row] = finish();
  assert.deepEqual([told[0]?.added, row?.count, row?.added], [1, 2, 1]);
  const observed = setUp();
  for (let times = 0; times < 3; times++) observed.table.refused(query({ resolved: true }));
  const [last] = observed.finish();
  assert.deepEqual([observed.told.length, observed.told[0]?.added], [1, 3]);
  assert.deepEqual([last?.count, last?.added], [3, 0]);
});

test('rows that differ in hook or table alone are one row, and their counts add up', () => {
  const { table, finish, told, keep } = setUp();
  keep(keyOf({ hook: 0 }), 3);
  keep(keyOf({ hook: 2 }), 4);
  keep(keyOf({ table: 1 }), 5);
  table.add([eventOf(keyOf({ hook: 0 }), node), eventOf(keyOf({ hook: 2 }), node)]);
  const rows = finish();
  assert.deepEqual(
    rows.map(({ count }) => count),
    [12],
  );
  assert.equal(told.length, 1);
});

test('a row whose event was lost is found at the end, with its process', () => {
  const { finish, told, keep } = setUp();
  keep(keyOf({ port: 9 }), 2);
  const rows = finish();
  assert.deepEqual([rows[0]?.port, rows[0]?.count, rows[0]?.comm], [9, 2, 'node']);
  assert.equal(told.length, 1);
});

test('rows of another target are not ours', () => {
  const { table, finish, told, keep } = setUp();
  keep(keyOf({ target: 4 }), 2);
  table.add([eventOf(keyOf({ target: 4 }), node)]);
  assert.deepEqual(finish(), []);
  assert.deepEqual(told, []);
});

test('two processes with one pid are two rows', () => {
  const { table, finish, processes } = setUp();
  processes.set('5/78', processOf(5, 78n, 'curl'));
  table.add([eventOf(keyOf(), node), eventOf(keyOf({ start: 78n }), processOf(5, 78n, 'curl'))]);
  assert.deepEqual(
    finish().map(({ pid, comm }) => [pid, comm]),
    [
      [5, 'node'],
      [5, 'curl'],
    ],
  );
});

test('a process that nobody knows is told by its pid, or by nothing', () => {
  const { table, finish } = setUp();
  table.add([
    eventOf(keyOf({ pid: 6, start: 1n })),
    eventOf(keyOf({ pid: 0, start: 0n, proto: 1, reason: 'icmp' })),
  ]);
  assert.deepEqual(
    finish().map(({ pid, comm, protocol, port }) => [pid, comm, protocol, port]),
    [
      [6, null, 'tcp', 8000],
      [null, null, 'icmp', null],
    ],
  );
});

test('a rule’s number is read under the policy that it belongs to', () => {
  const { table, finish } = setUp();
  table.add([
    eventOf(keyOf({ rule: 1, reason: 'deny-rule', table: 1 }), node),
    eventOf(keyOf({ rule: 1, reason: 'deny-rule', table: 2 }), node),
  ]);
  assert.deepEqual(
    finish().map(({ rule, policy }) => [rule, policy]),
    [
      ['old rule', 'ci/web'],
      ['new rule', 'ci/web'],
    ],
  );
});

test('a rule of a policy that an agent before had is not guessed', () => {
  const { table, finish } = setUp();
  table.add([eventOf(keyOf({ rule: 1, reason: 'deny-rule', table: 7 }), node)]);
  table.add([eventOf(keyOf({ reason: 'default', table: 7 }), node)]);
  assert.deepEqual(
    finish().map(({ rule, policy }) => [rule, policy]),
    [
      ['a policy before a restart', null],
      ['default', null],
    ],
  );
});

test('what is always denied names no rule', () => {
  const { table, finish } = setUp();
  table.add([eventOf(keyOf({ reason: 'metadata' }), node)]);
  assert.deepEqual(
    finish().map(({ rule, policy }) => [rule, policy]),
    [['always denied', null]],
  );
});

test('queries of several types are one attempt: the type asked most counts', () => {
  const { table, finish, told } = setUp();
  for (const type of [1, 28, 1, 28, 1]) table.refused(query({ type }));
  assert.deepEqual(
    finish().map(({ count }) => count),
    [3],
  );
  assert.equal(told.length, 1);
  assert.equal(told[0]?.count, 1);
});

test('a look-up by nobody known has no process', () => {
  const { table, finish } = setUp();
  table.refused(query({ client: { address: '127.0.0.1', port: 4001, transport: 'udp' } }));
  assert.deepEqual([finish()[0]?.pid, finish()[0]?.comm], [null, null]);
});

test('a refused answer tells the address that it was refused for', () => {
  const { table, finish } = setUp();
  const address = constantAddress('10.0.0.1');
  table.refused(query({ reason: 'private-answer', address, rule: 1 }));
  const [row] = finish();
  assert.deepEqual(
    [row?.ip, row?.port, row?.reason, row?.rule],
    ['10.0.0.1', null, 'private-answer', 'new rule'],
  );
});

test('Observe: a look-up and the connection to that name by the same process are one row', () => {
  const { table, finish, told } = setUp();
  table.refused(query({ resolved: true }));
  assert.deepEqual(told, []);
  table.add([eventOf(keyOf({ name: 9, passed: 1 }), node)]);
  const rows = finish();
  assert.deepEqual(
    rows.map(({ action, domain, ip, port, count }) => [action, domain, ip, port, count]),
    [['observe', NAME, '198.51.100.7', 8000, 1]],
  );
  assert.equal(told.length, 1);
});

for (const [what, change] of [
  ['another process', { pid: 6 }],
  ['another life of the pid', { start: 78n }],
  ['an address of no known name', { name: 0 }],
] as const) {
  test(`Observe: a connection by ${what} leaves the look-up a row of its own`, () => {
    const { table, finish, told, processes } = setUp();
    processes.set('5/78', processOf(5, 78n));
    table.refused(query({ resolved: true }));
    const key = keyOf({ name: 9, passed: 1, ...change });
    table.add([eventOf(key, processOf(key.pid, key.start))]);
    const rows = finish();
    assert.deepEqual(rows.map(({ ip }) => ip).sort(), ['198.51.100.7', null]);
    assert.equal(told.length, 2);
  });
}

test('Observe: a look-up that no connection followed is told at the end', () => {
  const { table, finish, told } = setUp();
  table.refused(query({ resolved: true }));
  table.refused(query({ resolved: true }));
  assert.deepEqual(
    finish().map(({ action, count }) => [action, count]),
    [['observe', 2]],
  );
  assert.equal(told.length, 1);
});

test('what was allowed is a row with the name that allowed it', () => {
  const { table, finish, told, keep } = setUp();
  const key = keyOf({ name: 9, reason: 'name', rule: 1, passed: 1 });
  keep(key, 4);
  table.allowed({ name: NAME, rule: 1, client: query().client });
  assert.deepEqual(told, []);
  table.add([eventOf(key, node)]);
  assert.equal(told.length, 1);
  assert.deepEqual(
    finish().map((row) => [row.action, row.domain, row.ip, row.count, row.rule, row.reason]),
    [['allow', NAME, '198.51.100.7', 4, 'new rule', 'name']],
  );
});

test('an allowed look-up that no connection followed is told at the end', () => {
  const { table, finish, told } = setUp();
  table.allowed({ name: NAME, rule: 1, client: query().client });
  assert.deepEqual(
    finish().map((row) => [row.action, row.domain, row.ip, row.port, row.comm, row.count]),
    [['allow', NAME, null, null, 'node', 1]],
  );
  assert.equal(told.length, 1);
});

test('a refused connection leaves the allowed look-up of its name a row', () => {
  const { table, finish } = setUp();
  table.allowed({ name: NAME, rule: 1, client: query().client });
  table.add([eventOf(keyOf({ name: 9, reason: 'port' }), node)]);
  assert.deepEqual(
    finish().map(({ action, ip }) => [action, ip]),
    [
      ['allow', null],
      ['block', '198.51.100.7'],
    ],
  );
});

test('Block: a look-up and a refused connection are never joined', () => {
  const { table, finish } = setUp();
  table.refused(query());
  table.add([eventOf(keyOf({ name: 9, reason: 'expired' }), node)]);
  assert.equal(finish().length, 2);
});

test('an IPv6 address is told in its short form', () => {
  const { table, finish } = setUp();
  const addr = Buffer.from('20010db8000000000000000000000007', 'hex');
  table.add([eventOf(keyOf({ addr, reason: 'ipv6' }), node)]);
  assert.equal(finish()[0]?.ip, '2001:db8::7');
});

test('hostile names are escaped in the row', () => {
  const { table, finish } = setUp();
  table.refused(query({ name: 'a\x1b[2J\n.test' }));
  assert.equal(finish()[0]?.domain, 'a\\x1b[2J\\x0a.test');
});

test('a name that a resolver tried with its endings first is one row', () => {
  const { table, finish, told } = setUp();
  for (const ending of ['.ci.svc.cluster.local', '.svc.cluster.local', '']) {
    table.refused(query({ name: `${NAME}${ending}` }));
  }
  table.refused(query({ name: 'good.example.test.ci.svc.cluster.local' }));
  table.allowed({ ...query({ name: 'good.example.test' }), rule: 1 });
  assert.deepEqual(
    told.map(({ domain }) => domain),
    [NAME],
  );
  assert.deepEqual(
    finish().map(({ domain, action }) => [domain, action]),
    [
      [NAME, 'block'],
      ['good.example.test', 'allow'],
    ],
  );
});

test('a name with an ending that nobody asks for without is told, a little later', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { table, finish, told } = setUp();
  table.refused(query({ name: 'web.team.svc.cluster.local' }));
  table.refused(query({ name: 'web.ci.svc.cluster.local' }));
  assert.deepEqual(
    told.map(({ domain }) => domain),
    ['web.ci.svc.cluster.local'],
  );
  t.mock.timers.tick(2000);
  assert.equal(told.at(-1)?.domain, 'web.team.svc.cluster.local');
  assert.equal(finish().length, 2);
});

test('a row names the container of its process, also where that must be asked for', async () => {
  const asked: string[] = [];
  const { table, told } = setUp(async (cgroup) => {
    asked.push(cgroup);
    return 'build';
  });
  const built = processOf(6, START, 'node', 7n);
  const noted = processOf(8, START, 'node', 9n);
  table.add([
    eventOf(keyOf({ pid: 6 }), built),
    eventOf(keyOf({ pid: 6, port: 1 }), built),
    // The kernel has forgotten what its cgroup was called.
    eventOf(keyOf({ pid: 8 }), noted),
    eventOf(keyOf(), node),
  ]);
  const names = () => told.map(({ pid, port, container }) => [pid, port, container]);
  assert.deepEqual(names(), [
    [8, 8000, null],
    [5, 8000, null],
  ]);
  await new Promise(setImmediate);
  table.add([eventOf(keyOf({ pid: 6, port: 2 }), built)]);
  assert.deepEqual(names().slice(2), [
    [6, 8000, 'build'],
    [6, 1, 'build'],
    [6, 2, 'build'],
  ]);
  assert.deepEqual(asked, ['cgroup-7']);
});

test('a container whose name was not found is asked for again', async () => {
  let times = 0;
  const { table, told } = setUp(async () => (++times === 1 ? null : 'service'));
  const built = processOf(6, START, 'node', 7n);
  for (const port of [1, 2]) {
    table.add([eventOf(keyOf({ pid: 6, port }), built)]);
    await new Promise(setImmediate);
  }
  assert.deepEqual(
    told.map(({ container }) => container),
    [null, 'service'],
  );
});
