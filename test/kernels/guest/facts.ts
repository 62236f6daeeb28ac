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
const PACKETS = 200;
/** The quickest counts: a machine may have to wait for its processor in the middle of a packet. */
const ROUNDS = 10;

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
  const cost = { ours: Number.POSITIVE_INFINITY, empty: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    const before = await holder.cost();
    await send(PACKETS);
    const after = await holder.cost();
    for (const which of ['ours', 'empty'] as const) {
      if (after[which].runs - before[which].runs !== PACKETS) {
        throw new Error(`datagrams passed by the program that is ${which}`);
      }
      const spent = after[which].nanoseconds - before[which].nanoseconds;
      cost[which] = Math.min(cost[which], spent / PACKETS);
    }
  }
  const { packet, missing } = await holder.kernel();
  const facts: Facts = {
    release: release(),
    cgroups: /^[1-9]/m.test(readFileSync('/proc/self/cgroup', 'utf8')) ? 'hybrid' : 'pure',
    packet,
    missing,
    cost: { ...cost, packets: PACKETS },
  };
  writeFileSync(process.argv[2] ?? 'facts.json', JSON.stringify(facts));
} finally {
  await world.close();
}
