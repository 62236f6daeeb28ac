/** Kernels that refuse a part of the programs: the verdict holds, and what is lost is only evidence. */
import assert from 'node:assert/strict';
import { release } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { Kernel } from '#bpf/kernel.ts';
import { builtPath } from '#bpf/native.ts';
import { packetPrograms, singleTargetSizes } from '#bpf/programs.ts';
import { createWorld, skip } from './world.ts';

const GOOD = '192.0.2.20';
const BAD = '198.51.100.7';
const ECHO = '0800f7ff00000000';

/** The oldest that was seen to take it is 6.12 (docs/kernels.md). */
function isKnown(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 12);
}

/** From now on, this kernel refuses these programs. */
function refuse(t: TestContext, programs: readonly string[]): void {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env.TORWACHT_REAL_ADDON = before.TORWACHT_ADDON ?? builtPath('torwacht.node');
  process.env.TORWACHT_ADDON = join(import.meta.dirname, 'fixtures/refusing-addon.cjs');
  process.env.TORWACHT_REFUSED = programs.join();
}

/** What a target does under such a kernel, and the rows that it makes. */
async function story(t: TestContext, refused: readonly string[]) {
  refuse(t, refused);
  const world = await createWorld({ prefixes: { [`${GOOD}/32`]: ['8000'] } });
  t.after(() => world.close());
  await world.lab.sink([{ kind: 'tcp', address: GOOD, port: 8000 }]);
  const probe = await world.probe('inside', { args: ['--flag'] });
  assert.equal(await probe.connect('tcp', GOOD, 8000), '0');
  assert.equal(await probe.connect('tcp', BAD, 8000), 'EPERM');
  assert.equal(await probe.datagram(BAD, 8000), 'EPERM');
  const icmp = await probe.ask('socket', 'icmp');
  assert.equal(await probe.ask('sendto', icmp, BAD, 0, ECHO), 'EPERM');
  assert.equal(world.lab.packetsTo(BAD), 0);
  const rows = await world.holder.rows();
  const row = (protocol: string) => rows.find((one) => one.protocol === protocol) as EgressEvent;
  return {
    pid: probe.pid,
    tcp: row('tcp'),
    icmp: row('icmp'),
    missing: await world.holder.missing(),
    packet: (await world.holder.kernel()).packet,
  };
}

test('a kernel that takes all misses nothing', { skip }, async (t) => {
  const { pid, tcp, icmp, missing, packet } = await story(t, []);
  assert.deepEqual(missing, []);
  if (isKnown(release())) assert.equal(packet, packetPrograms[0], 'the hook that makes no call');
  assert.equal(tcp.pid, pid);
  assert.match(tcp.argv ?? '', /--flag$/);
  assert.equal(icmp.pid, pid);
});

test('without tracepoints, rows lack arguments and still name the process', {
  skip,
}, async (t) => {
  const { pid, tcp, icmp, missing } = await story(t, ['tw_exec']);
  assert.deepEqual(missing, [['process', "prog 'tw_exec': not for this kernel"]]);
  assert.deepEqual([tcp.pid, tcp.comm, tcp.argv], [pid, 'probe', null]);
  assert.equal(icmp.pid, pid);
});

test('without socket creation, packets of raw sockets have no process', { skip }, async (t) => {
  const { pid, tcp, icmp, missing } = await story(t, ['tw_create']);
  assert.deepEqual(missing, [['create', "prog 'tw_create': not for this kernel"]]);
  assert.equal(tcp.pid, pid);
  assert.deepEqual([icmp.pid, icmp.reason], [null, 'icmp']);
});

test('without hooks of Unix sockets, the rest is as it was', { skip }, async (t) => {
  const { pid, tcp, icmp, missing } = await story(t, ['tw_sendmsg_unix']);
  assert.deepEqual(missing, [['unix', "prog 'tw_sendmsg_unix': not for this kernel"]]);
  assert.match(tcp.argv ?? '', /--flag$/);
  assert.deepEqual([tcp.pid, icmp.pid], [pid, pid]);
});

test('without any of them, and with the older packet hook, everything is refused all the same', {
  skip,
}, async (t) => {
  const refused = ['tw_egress_direct', 'tw_create', 'tw_fork', 'tw_egress', 'tw_connect_unix'];
  const { pid, tcp, missing } = await story(t, refused);
  assert.deepEqual(missing.map(([part]) => part).sort(), ['create', 'process', 'unix']);
  assert.equal(tcp.pid, pid);
});

test('a kernel that refuses what is needed is an error with its reason', {
  skip,
}, async (t) => {
  refuse(t, ['tw_connect4']);
  await assert.rejects(Kernel.load(singleTargetSizes), {
    code: 'TW_BPF_REFUSED',
    message: /refused our programs: EINVAL/,
    hint: /prog 'tw_connect4': not for this kernel/,
  });
});
