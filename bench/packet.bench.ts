/**
 * What the packet hook costs, under real traffic, by the kernel's own run-time statistics
 * (BPF_STATS_RUN_TIME), over an empty program under the same traffic.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '#agent/cgroup/cgroup.ts';
import { Numbers, Target } from '#agent/target/target.ts';
import { Kernel } from '#bpf/kernel.ts';
import { targetFlags } from '#bpf/layout.ts';
import { builtPath, native } from '#bpf/native.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { Permission } from '#policy/types.ts';
import { createLab, type Lab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import {
  type BenchWorld,
  benchPolicy,
  buildSender,
  createBenchWorld,
  send,
  type Traffic,
} from './world.ts';

const PORT = 7000;
const PACKETS = 200_000;
const ROUNDS = 5;
const ADDRESSES = Array.from({ length: 32 }, (_, i) => `198.51.100.${i + 1}`);

const open: Permission = { action: 'allow', protocol: 0, from: PORT, to: PORT, rule: 1 };

const policy = benchPolicy(
  [{ pattern: { labels: ['cdn', 'test'], wildcard: 'none' }, private: false, permissions: [open] }],
  [{ address: constantAddress('203.0.113.0'), length: 24, permissions: [open] }],
);

/** Median ns a run of one program over rounds of traffic; `runs` are its counters. */
async function cost(
  stats: () => { runs: number; nanoseconds: number },
  traffic: () => Promise<unknown>,
): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = stats();
    await traffic();
    const after = stats();
    // The first warms up: neighbours, caches, the processor's clock.
    if (round > 0)
      rounds.push((after.nanoseconds - before.nanoseconds) / (after.runs - before.runs));
  }
  return rounds.sort((a, b) => a - b)[Math.floor(rounds.length / 2)] as number;
}

function hold(kernel: Kernel, world: BenchWorld, programs?: readonly string[]): Cgroup {
  const { cgroup, pins } = world.cgroup();
  const spec = {
    slot: 0,
    id: 1,
    cgroup,
    place: {
      flags: targetFlags.redirect,
      resolver: { address: 0, port: 0 },
      mark: 1,
      uplinks: [],
      own: [],
    },
  };
  const target = new Target(kernel, new Numbers(), spec, policy, 1n << BigInt(cgroup.level));
  const addresses = ADDRESSES.map((a) => ({ address: constantAddress(a), seconds: 3600 }));
  target.learn('cdn.test', addresses, false);
  kernel.attachCgroup(cgroup.path, pins, programs);
  return cgroup;
}

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: ADDRESSES });
  const world = createBenchWorld();
  const statistics = native().enableStats();
  try {
    await lab.sink([
      ...ADDRESSES.map((address) => ({ kind: 'udp' as const, address, port: PORT })),
      { kind: 'tcp' as const, address: ADDRESSES[0] as string, port: PORT },
    ]);
    return await measure(lab, world);
  } finally {
    native().close(statistics);
    await world.close();
    lab.close();
  }
}

/** What any program pays on this machine that does no more than the kernel calls that ours needs. */
const floors = [
  ['tw_one_call', "packet: finding a socket's storage alone"],
  ['tw_two_calls', 'packet: that, and one hash look-up'],
] as const;

interface Plain {
  readonly cgroup: Cgroup;
  stats(): { runs: number; nanoseconds: number };
  unload(): void;
}

/** One program of bench/empty.bpf.c on a cgroup of its own. */
function attachPlain(world: BenchWorld, program: string): Plain {
  const { cgroup, pins } = world.cgroup();
  const engine = native().load(builtPath('bpf/empty.bpf.o'), {}, []);
  mkdirSync(pins, { recursive: true });
  native().attachCgroup(engine, program, cgroup.path, join(pins, program));
  return {
    cgroup,
    stats: () => native().runStats(engine, program),
    unload: () => native().unload(engine),
  };
}

async function measure(lab: Lab, world: BenchWorld): Promise<readonly Figure[]> {
  const sender = buildSender(world.folder);
  const empty = attachPlain(world, 'tw_empty');
  const figures: Figure[] = [];

  const scenarios: {
    name: string;
    limit?: number;
    traffic: Traffic;
    programs?: readonly string[];
  }[] = [
    {
      name: 'packet: cached TCP socket',
      limit: 25,
      traffic: { kind: 'tcp', count: PACKETS, port: PORT, addresses: ADDRESSES.slice(0, 1) },
    },
    {
      name: 'packet: cached UDP socket',
      limit: 25,
      traffic: { kind: 'connected', count: PACKETS, port: PORT, addresses: ADDRESSES.slice(0, 1) },
    },
    {
      // The packet hook alone: with the address hooks before it, it would find the socket's verdict.
      name: 'packet: DNS-learned address',
      limit: 40,
      traffic: { kind: 'udp', count: PACKETS, port: PORT, addresses: ADDRESSES },
      programs: ['tw_egress'],
    },
  ];
  for (const { name, limit, traffic, programs } of scenarios) {
    const baseline = await cost(
      () => empty.stats(),
      () => send(lab, sender, empty.cgroup, traffic),
    );
    const kernel = await Kernel.load(singleTargetSizes);
    const cgroup = hold(kernel, world, programs);
    const value = await cost(
      () => kernel.runStats('tw_egress'),
      () => send(lab, sender, cgroup, traffic),
    );
    kernel.close();
    figures.push(
      figure({
        name: `${name}, ns over an empty program`,
        value: value - baseline,
        unit: 'ns',
        baseline,
        ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
      }),
    );
  }
  const traffic: Traffic = {
    kind: 'connected',
    count: PACKETS,
    port: PORT,
    addresses: ADDRESSES.slice(0, 1),
  };
  const baseline = await cost(empty.stats, () => send(lab, sender, empty.cgroup, traffic));
  for (const [program, name] of floors) {
    const floor = attachPlain(world, program);
    const value = await cost(floor.stats, () => send(lab, sender, floor.cgroup, traffic));
    floor.unload();
    figures.push(figure({ name, value: value - baseline, unit: 'ns', baseline }));
  }
  empty.unload();
  return figures;
}
