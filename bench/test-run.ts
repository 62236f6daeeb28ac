/** What bench/test-runs.ts starts inside the lab: prints the figures as JSON. */
import { execFileSync } from 'node:child_process';
import { cgroupOf } from '#agent/cgroup/cgroup.ts';
import { Numbers } from '#agent/target/numbers.ts';
import { Target } from '#agent/target/target.ts';
import { Kernel } from '#bpf/kernel.ts';
import { builtPath, native } from '#bpf/native.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { constantAddress } from '#policy/cidr.ts';
import { assertInsideLab, MARK } from '../test/lab/mark.ts';
import { type Figure, figure } from './figure.ts';
import { ALLOWED, LEARNED, PORT, policyOf } from './lanes.ts';
import { added, interleave } from './statistics.ts';
import { benchPlace } from './world.ts';

const ROUNDS = 40;
const PREFIXES = [10, 1_000, 100_000];
/** Runs with one socket: all but the first find its verdict. */
const CACHED = 20_000;
/** The first packet is a run of its own; the median of so many. */
const FIRST = 50;

type Run = (frame: Buffer, repeat: number) => number;

assertInsideLab();
const [link] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', MARK], { encoding: 'utf8' }));
const engine = native().load(builtPath('bpf/empty.bpf.o'), {}, [], '');
const empty: Run = (frame, repeat) =>
  native().testRun(engine, 'tw_empty', frame, repeat, link.ifindex).nanoseconds;
const kernels: Kernel[] = [];
const figures: Figure[] = [];
try {
  for (const prefixes of PREFIXES) kernels.push(await hold(prefixes));
  const cached = (run: Run) => () => run(frameTo(LEARNED[0] as string), CACHED);
  figures.push(...(await compare('cached socket', cached, 25)));
  for (const [name, addresses] of [
    ['first of a socket, DNS-learned address', LEARNED],
    ['first of a socket, address of a prefix', ALLOWED],
  ] as const) {
    figures.push(...(await compare(name, (run) => () => firstPackets(run, addresses))));
  }
} finally {
  for (const kernel of kernels) kernel.close();
  native().unload(engine);
}
process.stdout.write(JSON.stringify(figures));

/** This process is the target: a test packet's socket is in the cgroup of who runs the test. */
async function hold(prefixes: number): Promise<Kernel> {
  const kernel = await Kernel.load({ ...singleTargetSizes, cidrs: 1 << 17 });
  const cgroup = cgroupOf();
  const spec = {
    slot: 0,
    id: 1,
    cgroup,
    place: benchPlace,
  };
  const levels = 1n << BigInt(cgroup.level);
  const target = new Target(kernel, new Numbers(), spec, policyOf(prefixes), levels);
  const learned = LEARNED.map((a) => ({ address: constantAddress(a), seconds: 3600 }));
  target.learn('cdn.test', learned, false);
  return kernel;
}

async function compare(
  name: string,
  lane: (run: Run) => () => number,
  limit?: number,
): Promise<Figure[]> {
  const ours = kernels.map(
    (kernel): Run =>
      (frame, repeat) => {
        const program = kernel.packetProgram;
        const { result, nanoseconds } = kernel.testRun(program, frame, repeat, link.ifindex);
        if (result !== 1) throw new Error(`${name}: the packet was refused`);
        return nanoseconds;
      },
  );
  const [base = [], ...values] = await interleave([empty, ...ours].map(lane), ROUNDS);
  return PREFIXES.map((prefixes, i) =>
    figure({
      name: `test run: ${name}, ${prefixes.toLocaleString('en')} prefixes`,
      unit: 'ns',
      ...added(values[i] ?? [], base),
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    }),
  );
}

/** Each is a socket of its own, so the kernel's clock is read around a single run; hence the mean. */
function firstPackets(run: Run, addresses: readonly string[]): number {
  let sum = 0;
  for (let i = 0; i < FIRST; i++) sum += run(frameTo(addresses[i % addresses.length] as string), 1);
  return sum / FIRST;
}

/** Ethernet, IPv4 and UDP; checksums are nobody's concern here. */
function frameTo(address: string): Buffer {
  const frame = Buffer.alloc(14 + 20 + 8 + 64);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(frame.length - 14, 16);
  frame[22] = 64;
  frame[23] = 17;
  frame.writeUInt32BE(constantAddress('203.0.113.254'), 26);
  frame.writeUInt32BE(constantAddress(address), 30);
  frame.writeUInt16BE(40_000, 34);
  frame.writeUInt16BE(PORT, 36);
  frame.writeUInt16BE(8 + 64, 38);
  return frame;
}
