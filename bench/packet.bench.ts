/**
 * What the packet hook costs over an empty program, for policies of 10 to 100,000 prefixes: under real
 * traffic by the kernel's own statistics, and by BPF_PROG_TEST_RUN. Nothing but the socket's cache and
 * the table of learned addresses may be asked for most packets, so the number of prefixes must not matter.
 */
import { native } from '#bpf/native.ts';
import { createLab, type Lab } from '../test/lab/lab.ts';
import { type Figure, figure, type Target } from './figure.ts';
import { ALLOWED, type HeldLane, heldLane, type Lane, LEARNED, PORT, plainLane } from './lanes.ts';
import { added, interleave } from './statistics.ts';
import { testRuns } from './test-runs.ts';
import { buildProgram, startInLab, type Worker } from './worker.ts';
import { type BenchWorld, createBenchWorld } from './world.ts';

const PREFIXES = [10, 1_000, 100_000];
/** Where a socket lies in memory is worth some nanoseconds: each group of rounds has sockets of its own. */
const GROUPS = 5;
const ROUNDS = 8;
/** Enough that the sender's switch does not show, few enough for many rounds. */
const PACKETS = 5_000;
/** What 99,990 prefixes more may add: a look into the trie costs ten times as much. */
const INDEPENDENT = 5;

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: [...LEARNED, ...ALLOWED] });
  const world = createBenchWorld();
  const lanes: Lane[] = [];
  try {
    await startInLab(lab, 'net', buildProgram(world.folder, 'peer'), [String(PORT)]).next();
    const empty = plainLane(world, 'tw_empty');
    lanes.push(empty);
    const held: HeldLane[] = [];
    for (const prefixes of PREFIXES) held.push(await heldLane(world, prefixes));
    lanes.push(...held);
    const bench = new PacketBench(lab, world, empty, held);
    return [...(await bench.underTraffic()), ...(await testRuns(lab))];
  } finally {
    for (const lane of lanes) lane.close();
    await world.close();
    lab.close();
  }
}

/** A kind of traffic, as bench/sender.c knows it. */
interface Traffic {
  readonly kind: 'udp' | 'connected' | 'tcp' | 'fresh';
  readonly addresses: readonly string[];
  readonly packets?: number;
}

const first = LEARNED.slice(0, 1);

class PacketBench {
  readonly #lab: Lab;
  readonly #world: BenchWorld;
  readonly #empty: Lane;
  readonly #held: readonly HeldLane[];
  readonly #sender: string;

  constructor(lab: Lab, world: BenchWorld, empty: Lane, held: readonly HeldLane[]) {
    this.#lab = lab;
    this.#world = world;
    this.#empty = empty;
    this.#held = held;
    this.#sender = buildProgram(world.folder, 'sender');
  }

  /** The kernel takes the time of each run only meanwhile. */
  async underTraffic(): Promise<Figure[]> {
    const statistics = native().enableStats();
    try {
      const figures = [...(await this.#packetHook()), ...(await this.#allHooks())];
      return [...figures, ...(await this.#floors())];
    } finally {
      native().close(statistics);
    }
  }

  /** The packet hook alone: behind the address hooks it would find the socket's verdict. */
  async #packetHook(): Promise<Figure[]> {
    const figures = [
      ...(await this.#compare(
        'DNS-learned address',
        { kind: 'udp', addresses: LEARNED },
        { limit: 40, independent: true },
      )),
      ...(await this.#compare('address of a prefix, unconnected', {
        kind: 'udp',
        addresses: ALLOWED,
      })),
    ];
    const fresh: Traffic = { kind: 'fresh', addresses: LEARNED, packets: 2_000 };
    return [
      ...figures,
      ...(await this.#compare('first of a socket, packet hook alone', fresh, {}, 1)),
    ];
  }

  async #allHooks(): Promise<Figure[]> {
    for (const lane of this.#held) lane.attachAll();
    const cached = { limit: 25, independent: true };
    const fresh: Traffic = { kind: 'fresh', addresses: LEARNED, packets: 2_000 };
    return [
      ...(await this.#compare('cached TCP socket', { kind: 'tcp', addresses: first }, cached)),
      ...(await this.#compare(
        'cached UDP socket',
        { kind: 'connected', addresses: first },
        cached,
      )),
      ...(await this.#compare('first of a socket, all hooks together', fresh, {}, 1)),
    ];
  }

  /** What any program pays on this machine that does no more than the kernel calls that ours needs. */
  async #floors(): Promise<Figure[]> {
    const names = {
      tw_one_call: "packet: finding a socket's storage alone",
      tw_two_calls: 'packet: that, and one hash look-up',
    };
    const lanes = Object.keys(names).map((program) => plainLane(this.#world, program));
    try {
      const traffic: Traffic = { kind: 'connected', addresses: first };
      const [empty = [], ...values] = await this.#measure([this.#empty, ...lanes], traffic);
      return Object.values(names).map((name, i) =>
        figure({ name, unit: 'ns', ...added(values[i] ?? [], empty) }),
      );
    } finally {
      for (const lane of lanes) lane.close();
    }
  }

  async #compare(
    name: string,
    traffic: Traffic,
    { limit, independent }: { limit?: number; independent?: boolean } = {},
    most = this.#held.length,
  ): Promise<Figure[]> {
    const held = this.#held.slice(0, most);
    const [empty = [], ...values] = await this.#measure([this.#empty, ...held], traffic);
    const target: Target | undefined =
      limit === undefined ? undefined : { bound: 'at most', limit };
    const figures = held.map((lane, i) =>
      figure({
        name: `packet: ${name}, ${Number(lane.name).toLocaleString('en')} prefixes`,
        unit: 'ns',
        ...added(values[i] ?? [], empty),
        ...(target ? { target } : {}),
      }),
    );
    const [few, most_] = [values[0], values.at(-1)];
    if (independent && few && most_) {
      const { value, spread } = added(most_, few);
      figures.push(
        figure({
          name: `packet: ${name}, what 99,990 prefixes more add`,
          unit: 'ns',
          value,
          spread,
          target: { bound: 'at most', limit: INDEPENDENT },
        }),
      );
    }
    return figures;
  }

  /** By lane, ns a packet in each round. */
  async #measure(lanes: readonly Lane[], traffic: Traffic): Promise<number[][]> {
    const all: number[][] = lanes.map(() => []);
    for (let group = 0; group < GROUPS; group++) {
      const values = await this.#group(lanes, traffic);
      for (const [i, rounds] of values.entries()) all[i]?.push(...rounds);
    }
    return all;
  }

  async #group(lanes: readonly Lane[], traffic: Traffic): Promise<number[][]> {
    const { kind, addresses, packets = PACKETS } = traffic;
    const args = [kind, String(PORT), '1', ...addresses];
    const workers: Worker[] = [];
    try {
      const measures = lanes.map((lane) => {
        const worker = startInLab(this.#lab, 'host', this.#sender, args);
        workers.push(worker);
        worker.enter(lane.cgroup);
        return () => cost(lane, worker, packets);
      });
      return await interleave(measures, ROUNDS);
    } finally {
      for (const worker of workers) await worker.end();
    }
  }
}

/** ns that one packet cost. */
async function cost(lane: Lane, worker: Worker, packets: number): Promise<number> {
  // TCP sends when it may; a round in which it did not is no measurement.
  for (let attempt = 0; attempt < 10; attempt++) {
    const before = lane.stats();
    const [sent] = (await worker.ask(String(packets))).split(' ');
    if (Number(sent) !== packets) throw new Error(`only ${sent} packets were taken`);
    const after = lane.stats();
    const seen = after.packets - before.packets;
    if (seen > 0) return (after.nanoseconds - before.nanoseconds) / seen;
  }
  throw new Error(`no packet of ${lane.name} was seen`);
}
