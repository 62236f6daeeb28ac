/**
 * Lanes of the packet bench: a cgroup with programs of its own, so that the same traffic costs something
 * else in each, by the kernel's own statistics (BPF_STATS_RUN_TIME).
 *
 * The empty program has a cgroup of its own as well, and lanes take turns. It could be attached beside
 * ours and see the very same packets; but then whichever of the two runs first brings the packet and
 * the socket into the cache for the other, and the difference is wrong one way or the other. Alone, each
 * pays what it will pay alone.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, createCgroup, newCgroupId } from '#agent/cgroup/cgroup.ts';
import { Numbers } from '#agent/target/numbers.ts';
import { Target } from '#agent/target/target.ts';
import { Kernel } from '#bpf/kernel.ts';
import { builtPath, native } from '#bpf/native.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { CidrEntry, CompiledPolicy, Permission } from '#policy/types.ts';
import { type BenchWorld, benchPlace, benchPolicy } from './world.ts';

export const PORT = 7000;
/** Addresses that the target learned from DNS, and as many that a prefix of its policy allows. */
export const LEARNED = addresses('198.51.100.', 32);
export const ALLOWED = addresses('192.0.2.', 32);

export interface Lane {
  readonly name: string;
  readonly cgroup: Cgroup;
  /** ns that all programs ran since the start, and the packets that the packet hook saw. */
  stats(): { readonly packets: number; readonly nanoseconds: number };
  close(): void;
}

/** Programs of bench/empty.bpf.c: what any program pays on this machine. */
export async function plainLane(world: BenchWorld, program: string): Promise<Lane> {
  const { cgroup, pins } = world.cgroup();
  const engine = native().load(builtPath('bpf/empty.bpf.o'), {}, [], '');
  mkdirSync(pins, { recursive: true });
  await native().attachCgroup(engine, program, cgroup.path, join(pins, program));
  return {
    name: program,
    cgroup,
    stats() {
      const { runs, nanoseconds } = native().runStats(engine, program);
      return { packets: runs, nanoseconds };
    },
    close: () => native().unload(engine),
  };
}

export interface HeldLane extends Lane {
  /** A cgroup inside that has the address hooks as well. */
  readonly inner: Lane;
}

/** Ours, with a policy of so many prefixes; the cgroup itself has the packet hook alone. */
export async function heldLane(world: BenchWorld, prefixes: number): Promise<HeldLane> {
  const { cgroup, pins } = world.cgroup();
  const kernel = await Kernel.load({ ...singleTargetSizes, cidrs: 1 << 17 });
  const spec = {
    slot: 0,
    id: 1,
    cgroup,
    place: benchPlace,
  };
  const policy = policyOf(prefixes);
  const target = new Target(kernel, new Numbers(), spec, policy, 1n << BigInt(cgroup.level));
  const learned = LEARNED.map((a) => ({ address: constantAddress(a), seconds: 3600 }));
  target.learn('cdn.test', learned, false);
  const packet = kernel.packetProgram;
  const programs = kernel.cgroupPrograms();
  await kernel.attachCgroup(cgroup.path, pins, [packet]);
  const inside = createCgroup(cgroup, newCgroupId());
  const rest = programs.filter((program) => program !== packet);
  await kernel.attachCgroup(inside.path, pins, rest);
  const lane = {
    name: `${prefixes}`,
    stats() {
      const of = programs.map((program) => kernel.runStats(program).nanoseconds);
      const packets = kernel.runStats(packet).runs;
      return { packets, nanoseconds: of.reduce((sum, one) => sum + one, 0) };
    },
    close: () => kernel.close(),
  };
  return { ...lane, cgroup, inner: { ...lane, cgroup: inside } };
}

const open: Permission = { action: 'allow', protocol: 0, from: PORT, to: PORT + 2, rule: 1 };

/** The prefix that allows, and others all around it in the trie, so that its depth grows with them. */
export function policyOf(prefixes: number): CompiledPolicy {
  const cidrs: CidrEntry[] = [
    { address: constantAddress('192.0.2.0'), length: 24, permissions: [open] },
  ];
  for (let i = 1; i < prefixes; i++) {
    // An odd multiplier visits every /28 once, in no order.
    const address = 0xc0000000 + ((i * 0x9e3b) % 2 ** 20) * 16;
    cidrs.push({ address, length: 28, permissions: [open] });
  }
  const cdn = { labels: ['cdn', 'test'], wildcard: 'none' } as const;
  return benchPolicy([{ pattern: cdn, private: false, permissions: [open] }], cidrs);
}

function addresses(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}
