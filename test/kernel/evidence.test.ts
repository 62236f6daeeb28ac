/** Rows: who it was, however it looked, and counts that are exact under a flood. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EgressEvent } from '#api/event.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

let world: World;
let last = 0;

before(async () => {
  if (!skip) world = await createWorld({});
});
after(() => world?.close());

/** A destination of its own for each test, so that rows are told apart. */
function fresh(): string {
  last += 1;
  return `198.51.100.${last}`;
}

async function rowsOf(ip: string): Promise<EgressEvent[]> {
  return (await world.holder.rows()).filter((row) => row.ip === ip);
}

async function refusedRow(probe: Probe): Promise<EgressEvent> {
  const ip = fresh();
  assert.equal(await probe.connect('tcp', ip, 443), 'EPERM');
  const rows = await rowsOf(ip);
  assert.equal(rows.length, 1);
  return rows[0] as EgressEvent;
}

test('a row names the process, its executable, its arguments and its parents', {
  skip,
}, async () => {
  const script = 'sh -c \'"$@"; exit 3\' inner "$@"; exit 3';
  const probe = await world.probe('inside', { script, args: ['--flag', 'two words'] });
  const row = await refusedRow(probe);
  assert.equal(row.pid, probe.pid);
  assert.equal(row.comm, 'probe');
  assert.equal(row.parent_comm, 'sh');
  assert.match(row.exe ?? '', /\/probe$/);
  assert.equal(row.argv, `${row.exe} --flag 'two words'`);
  assert.equal(row.uid, 0);
  assert.equal(row.count, 1);
  assert.deepEqual(
    row.ancestry.map(({ comm }) => comm),
    ['sh', 'sh'],
  );
  assert.equal(row.ancestry[0]?.pid, probe.process.pid);
  assert.deepEqual([row.job_name, row.project_id, row.action], ['install', '42', 'block']);
});

test('a parent that has ended is still named', { skip }, async () => {
  const script = 'exec 3<&0; sh -c \'"$@" <&3 & sleep 0.2\' inner "$@"; exec sleep 30';
  const probe = await world.probe('inside', { script });
  const parent = () => readFileSync(`/proc/${probe.pid}/stat`, 'utf8').split(' ')[3];
  const first = parent();
  for (let tries = 0; tries < 500 && parent() === first; tries++) await sleep(10);
  assert.notEqual(parent(), first);
  const row = await refusedRow(probe);
  assert.deepEqual(row.ancestry, [
    { pid: probe.process.pid, comm: 'sh' },
    { pid: Number(first), comm: 'sh' },
  ]);
});

test('hostile arguments and names are shown and change nothing', { skip }, async () => {
  const args = ['\u001b[31m', 'a\nb', "it's", '\\x41', ''];
  const probe = await world.probe('inside', { args });
  const row = await refusedRow(probe);
  assert.equal(row.argv, `${row.exe} \\x1b[31m a\\x0ab 'it\\x27s' \\x5cx41 ''`);
});

test('a process that renames itself is told by its name of the moment', { skip }, async () => {
  const probe = await world.probe('inside');
  assert.equal((await refusedRow(probe)).comm, 'probe');
  await probe.ask('rename', hex('kworker/0:1'));
  const renamed = await refusedRow(probe);
  assert.equal(renamed.comm, 'kworker/0:1');
  assert.match(renamed.exe ?? '', /\/probe$/);
  await probe.ask('rename', hex('\u001b[2J\n|x'));
  assert.equal((await refusedRow(probe)).comm, '\\x1b[2J\\x0a|x');
});

test('two processes that had the same pid are two rows', { skip }, async () => {
  const probe = await world.probe('inside');
  const ip = fresh();
  const pid = Number(await probe.ask('reuse', ip, 443));
  assert.ok(pid > 0, 'the kernel gave the second process another pid');
  const rows = await rowsOf(ip);
  assert.deepEqual(rows.map((row) => [row.pid, row.comm, row.parent_comm, row.count]).sort(), [
    [pid, 'first', 'probe', 1],
    [pid, 'second', 'probe', 1],
  ]);
});

test('attempts of one process at one destination are one row that counts', { skip }, async () => {
  const probe = await world.probe('inside');
  const ip = fresh();
  for (let i = 0; i < 7; i++) assert.equal(await probe.connect('tcp', ip, 443), 'EPERM');
  const fd = await probe.ask('socket', 'udp');
  assert.equal(await probe.ask('repeat', fd, ip, 443, '78', 1000), '1000');
  assert.deepEqual((await rowsOf(ip)).map((row) => [row.protocol, row.count]).sort(), [
    ['tcp', 7],
    ['udp', 1000],
  ]);
});

/** More than the 4096 rows that a target may hold. */
const DESTINATIONS = 6000;

test('allowed traffic is a row of its own that counts what was opened, not packets', {
  skip,
}, async () => {
  const ip = fresh();
  await world.holder.setRules({ prefixes: { [`${ip}/32`]: ['443', '443/UDP'] } });
  const probe = await world.probe('inside');
  for (let i = 0; i < 3; i++) {
    const fd = await probe.ask('socket', 'udp');
    for (const text of ['secret', 'x']) {
      const sent = await probe.ask('sendto', fd, ip, 443, hex(text));
      assert.equal(sent, String(text.length));
    }
  }
  const [row, ...others] = await rowsOf(ip);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [row?.action, row?.reason, row?.count, row?.pid, row?.protocol, row?.port],
    ['allow', 'cidr', 3, probe.pid, 'udp', 443],
  );
  assert.equal(row?.rule, 'EgressPolicy default/test allow[0]');
  await world.holder.setRules({});
  assert.equal(await probe.datagram(ip, 443), 'EPERM');
  assert.deepEqual((await rowsOf(ip)).map((one) => one.action).sort(), ['allow', 'block']);
});

test('what was allowed takes no room from refusals, and is counted beyond its own', {
  skip,
}, async () => {
  const own = await createWorld({ prefixes: { '10.0.0.0/8': ['443/UDP'] } });
  try {
    const probe = await own.probe('inside');
    const fd = await probe.ask('socket', 'udp');
    assert.equal(await probe.ask('flood', fd, '10.0.0.0', 443, DESTINATIONS), '0');
    assert.equal(await probe.connect('tcp', '198.51.100.9', 443), 'EPERM');
    const rows = await own.holder.rows();
    const allowed = rows.filter((row) => row.action === 'allow');
    const counted = allowed.reduce((sum, row) => sum + row.count, 0);
    assert.equal(allowed.length, 4096);
    assert.equal(counted + (await own.holder.overflow()).allowed, DESTINATIONS);
    assert.equal(rows.filter((row) => row.action === 'block').length, 1);
    assert.equal((await own.holder.overflow()).refused, 0);
  } finally {
    await own.close();
  }
});

test('beyond the budget of rows every attempt is still counted', { skip }, async () => {
  const own = await createWorld({});
  try {
    const probe = await own.probe('inside');
    const fd = await probe.ask('socket', 'udp');
    for (let round = 1; round <= 2; round++) {
      const refused = await probe.ask('flood', fd, '10.0.0.0', 443, DESTINATIONS);
      assert.equal(refused, String(DESTINATIONS));
      const rows = await own.holder.rows();
      const counted = rows.reduce((sum, row) => sum + row.count, 0);
      assert.equal(counted, round * DESTINATIONS);
      assert.equal((await own.holder.overflow()).refused, 0);
      const [rest, ...others] = rows.filter((row) => row.ip === null);
      assert.deepEqual(others, []);
      assert.deepEqual(
        [rest?.pid, rest?.comm, rest?.port, rest?.domain, rest?.reason, rest?.count],
        [probe.pid, 'probe', null, null, 'default', round * (DESTINATIONS - 4096)],
      );
      assert.equal(rows.length, 4097);
    }
    const late = await own.probe('inside');
    assert.equal(await late.connect('tcp', '198.51.100.9', 443), 'EPERM');
    assert.ok(
      (await own.holder.rows()).some((row) => row.pid === late.pid),
      'it has a row',
    );
    assert.equal((await own.holder.counters()).rows_full, 0);
  } finally {
    await own.close();
  }
});

test('events that found no room are counted, and their rows are there at the end', {
  skip,
}, async () => {
  const own = await createWorld({}, { events: 1 << 16 });
  try {
    const probe = await own.probe('inside');
    const fd = await probe.ask('socket', 'udp');
    const busy = own.holder.sleep(1000);
    await probe.ask('flood', fd, '10.0.0.0', 443, 2000);
    await busy;
    // One more refusal wakes the reader, so that all events before it have been read.
    const ip = '10.9.9.9';
    assert.equal(await probe.connect('tcp', ip, 443), 'EPERM');
    let told: EgressEvent[] = [];
    for (let tries = 0; tries < 100 && !told.some((row) => row.ip === ip); tries++) {
      told = await own.holder.live();
    }
    const lost = (await own.holder.counters()).events_lost;
    assert.ok(lost > 0);
    assert.equal(told.length + lost, 2001);
    const rows = await own.holder.rows();
    assert.equal(rows.length, 2001);
    assert.equal(rows.filter((row) => row.comm === 'probe').length, 2001);
  } finally {
    await own.close();
  }
});

test('a full map of rows loses no count', { skip }, async () => {
  const own = await createWorld({}, { rows: 256 });
  try {
    const probe = await own.probe('inside');
    const fd = await probe.ask('socket', 'udp');
    assert.equal(await probe.ask('flood', fd, '10.0.0.0', 443, 1000), '1000');
    const rows = await own.holder.rows();
    const counted = rows.reduce((sum, row) => sum + row.count, 0);
    assert.ok((await own.holder.counters()).rows_full > 0);
    assert.equal(counted + (await own.holder.overflow()).refused, 1000);
  } finally {
    await own.close();
  }
});
