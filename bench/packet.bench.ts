/**
 * What the packet hook costs over an empty program, for policies of 10 to 100,000 prefixes: under real
 * traffic by the kernel's own statistics, and by BPF_PROG_TEST_RUN. Nothing but the socket's cache and
 * the table of learned addresses may be asked for most packets, so the number of prefixes must not matter.
 */
import { native } from '#bpf/native.ts';
import { createLab } from '../test/lab/lab.ts';
import { type Figure, figure } from './figure.ts';
import { ALLOWED, type HeldLane, heldLane, type Lane, LEARNED, PORT, plainLane } from './lanes.ts';
import { PacketRounds, type Traffic } from './packet-rounds.ts';
import { added } from './statistics.ts';
import { testRuns } from './test-runs.ts';
import { buildProgram, startInLab } from './worker.ts';
import { createBenchWorld } from './world.ts';

const PREFIXES = [10, 1_000, 100_000];
/** ns that 99,990 prefixes more may add: the noise of two sockets. A look into the trie costs 60 and more. */
const INDEPENDENT = 10;

interface Scenario {
  readonly name: string;
  readonly traffic: Traffic;
  /** The packet hook alone: behind the address hooks it would find the socket's verdict. */
  readonly hooks: 'packet' | 'all';
  /** Most ns that it may cost, however many prefixes there are. */
  readonly limit?: number;
  /** One policy is enough. */
  readonly once?: true;
}

const fresh: Traffic = { kind: 'fresh', addresses: LEARNED, packets: 2_000 };
const first = LEARNED.slice(0, 1);

const scenarios: readonly Scenario[] = [
  {
    name: 'cached TCP socket',
    traffic: { kind: 'tcp', addresses: first },
    hooks: 'all',
    limit: 25,
  },
  {
    name: 'cached UDP socket',
    traffic: { kind: 'connected', addresses: first },
    hooks: 'all',
    limit: 25,
  },
  {
    name: 'DNS-learned address',
    traffic: { kind: 'udp', addresses: LEARNED },
    hooks: 'packet',
    limit: 40,
  },
  {
    name: 'address of a prefix, unconnected',
    traffic: { kind: 'udp', addresses: ALLOWED },
    hooks: 'packet',
  },
  { name: 'first of a socket, packet hook alone', traffic: fresh, hooks: 'packet', once: true },
  { name: 'first of a socket, all hooks together', traffic: fresh, hooks: 'all', once: true },
];

/** What any program pays on this machine that does no more than the kernel calls that ours needs. */
const floors = {
  tw_one_call: "packet: finding a socket's storage alone",
  tw_two_calls: 'packet: that, and one hash look-up',
} as const;

export async function run(): Promise<readonly Figure[]> {
  const lab = createLab({ name: 'bench', addresses: [...LEARNED, ...ALLOWED] });
  const world = createBenchWorld();
  const lanes: Lane[] = [];
  const plain = async (program: string): Promise<Lane> => {
    const lane = await plainLane(world, program);
    lanes.push(lane);
    return lane;
  };
  try {
    await startInLab(lab, 'net', buildProgram(world.folder, 'peer'), [String(PORT)]).next();
    const empty = await plain('tw_empty');
    const held: HeldLane[] = [];
    for (const prefixes of PREFIXES) {
      held.push(await heldLane(world, prefixes));
      lanes.push(...held.slice(-1));
    }
    const rounds = new PacketRounds(lab, buildProgram(world.folder, 'sender'));
    for (const { hooks, once, traffic } of scenarios) {
      const ours = held.slice(0, once ? 1 : held.length);
      rounds.add([empty, ...ours.map((lane) => (hooks === 'all' ? lane.inner : lane))], traffic);
    }
    const calls = await Promise.all(Object.keys(floors).map(plain));
    rounds.add([empty, ...calls], { kind: 'connected', addresses: first });
    const measured = await withStatistics(() => rounds.measure());
    const figures = scenarios.flatMap((scenario, i) => figuresOf(scenario, measured[i] ?? []));
    const [base = [], ...values] = measured.at(-1) ?? [];
    for (const [i, name] of Object.values(floors).entries()) {
      figures.push(figure({ name, unit: 'ns', ...added(values[i] ?? [], base) }));
    }
    return [...figures, ...(await testRuns(lab))];
  } finally {
    for (const lane of lanes) lane.close();
    await world.close();
    lab.close();
  }
}

/** The kernel takes the time of each run of a program only meanwhile. */
async function withStatistics<T>(work: () => Promise<T>): Promise<T> {
  const statistics = native().enableStats();
  try {
    return await work();
  } finally {
    native().close(statistics);
  }
}

/** @param measured by lane, the empty program's first */
function figuresOf({ name, limit }: Scenario, measured: readonly number[][]): Figure[] {
  const [empty = [], ...values] = measured;
  const figures = values.map((ours, i) =>
    figure({
      name: `packet: ${name}, ${PREFIXES[i]?.toLocaleString('en')} prefixes`,
      unit: 'ns',
      ...added(ours, empty),
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    }),
  );
  const [few, most] = [values[0], values.at(-1)];
  if (limit === undefined || !few || !most) return figures;
  const { value, spread } = added(most, few);
  const independent = figure({
    name: `packet: ${name}, what 99,990 prefixes more add`,
    unit: 'ns',
    value,
    spread,
    target: { bound: 'at most', limit: INDEPENDENT },
  });
  return [...figures, independent];
}
