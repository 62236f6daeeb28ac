/**
 * What a kernel has, and what a packet costs on it: `node facts.ts FILE`. The same datagrams pass our packet
 * hook and an empty program on one cgroup, and the kernel counts the time of both; their ratio is what means
 * something where time is emulated.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { createWorld, hex } from '../../kernel/world.ts';
import type { Facts } from './job.ts';

const ADDRESS = '192.0.2.20';
const PORT = 8000;
/** The first of them find no verdict with their socket, and new code; they are not counted. */
const WARM = 100;
const PACKETS = 1000;

const world = await createWorld({ prefixes: { [`${ADDRESS}/32`]: [`${PORT}/UDP`] } });
try {
  const { holder, lab } = world;
  await lab.sink([{ kind: 'udp', address: ADDRESS, port: PORT }]);
  const probe = await world.probe('inside');
  const socket = await probe.ask('socket', 'udp');
  const send = async (count: number) => {
    const words = [socket, ADDRESS, PORT, hex('x'), count] as const;
    const refused = await probe.ask('repeat', ...words);
    if (refused !== '0') throw new Error(`of ${count} datagrams, ${refused} were refused`);
  };
  await holder.measure(world.pins);
  await send(WARM);
  const before = await holder.cost();
  await send(PACKETS);
  const after = await holder.cost();
  const perPacket = (which: 'ours' | 'empty') =>
    (after[which].nanoseconds - before[which].nanoseconds) / PACKETS;
  if (after.ours.runs - before.ours.runs !== PACKETS) {
    throw new Error('datagrams passed by our hook');
  }
  const { packet, missing } = await holder.kernel();
  const facts: Facts = {
    release: release(),
    cgroups: /^[1-9]/m.test(readFileSync('/proc/self/cgroup', 'utf8')) ? 'hybrid' : 'pure',
    packet,
    missing,
    cost: { ours: perPacket('ours'), empty: perPacket('empty'), packets: PACKETS },
  };
  writeFileSync(process.argv[2] ?? 'facts.json', JSON.stringify(facts));
} finally {
  await world.close();
}
