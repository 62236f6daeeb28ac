/**
 * Random sequences of steps on one target: connects and packets of a few sockets, between which time
 * passes, addresses are learned, the policy changes, and once in a while another target takes the place.
 * Sockets mostly go on talking to where they talked before, as real ones do.
 */
import type { Learned } from '#policy/verdict.ts';
import {
  createDestination,
  type Destination,
  RARE_PROTOCOLS,
  toAllowed,
  toClosed,
  toPrefix,
  toProbe,
  toResolver,
} from './destinations.ts';
import {
  createFrame,
  createIpv6,
  createLastWord,
  createOtherFrame,
  createPlainFrame,
} from './questions.ts';
import type { Random } from './random.ts';
import { askMuch, type StoryStep, tellStory } from './stories.ts';
import { createSlots, createWorld, expiriesOf, TIMES, type World } from './worlds.ts';

/** One packet to the resolver costs `interval`, and `burst` of credit is saved up at most; ns. */
export const BUDGET = { interval: 256_000_000n, burst: 256_000_000n } as const;

export interface SocketKind {
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3 */
  readonly type: 1 | 2 | 3;
  readonly protocol: number;
  /** The kernel's own TCP. */
  readonly stream: boolean;
  /** A hook saw it when it was made. */
  readonly owned: boolean;
}

export type Peer = 'none' | 'own' | 'foreign';

interface Asked {
  /** From 1 on; 0 is no socket. */
  readonly socket: number;
  /** Whose socket listens at the destination. */
  readonly peer: Peer;
  /** The sender's cgroup is the target's. */
  readonly inTarget: boolean;
}

/** Where a packet goes by: out of the target, to itself, or to a container that is nested in it. */
export type Link = 'uplink' | 'loopback' | 'inner';

export interface PacketStep extends Asked {
  readonly do: 'packet';
  readonly frame: Buffer;
  readonly link: Link;
}

/** At the machine's end of a link; of no socket, if that is elsewhere. */
export interface FrameStep extends Asked {
  readonly do: 'frame';
  readonly frame: Buffer;
  readonly link: Exclude<Link, 'loopback'>;
  /** Sent by a socket that the kernel made for itself. */
  readonly kernelsOwn: boolean;
}

export interface AddressStep extends Asked {
  readonly do: 'address';
  readonly ask: 'address4' | 'address6';
  readonly hook: 'connect' | 'sendmsg';
  /** 16 bytes as on the wire. */
  readonly address: Buffer;
  readonly port: number;
  readonly protocol: number;
}

/** What is asked of the programs. */
export type QuestionStep = PacketStep | AddressStep | FrameStep;

export function isQuestion(step: QuestionStep | ChangeStep | { do: 'edit' }): step is QuestionStep {
  return step.do === 'packet' || step.do === 'address' || step.do === 'frame';
}

/** How the packet hook finds what a socket remembers: by a call, or straight from the kernel's own types. */
export type Shape = 'called' | 'direct';

export interface StartStep {
  readonly do: 'start';
  readonly shape: Shape;
  readonly world: World;
  readonly sockets: readonly SocketKind[];
  readonly flags: Readonly<Record<'ownNetns' | 'redirect' | 'backstop', boolean>>;
  /** Addresses of the target's own namespace, at most four; 0 is none. */
  readonly own: readonly number[];
}

export type ChangeStep =
  | { readonly do: 'time'; readonly ticks: number }
  | { readonly do: 'learn'; readonly address: number; readonly slots: readonly Learned[] }
  /** A new table for the same target, or a new target in the same slot. */
  | { readonly do: 'policy' | 'successor'; readonly world: World };

export type Step = StartStep | QuestionStep | ChangeStep;
/** Begins with where it starts from. */
export type Sequence = readonly [StartStep, ...(QuestionStep | ChangeStep)[]];

const KINDS = [
  { type: 1, protocol: 6, stream: true },
  { type: 2, protocol: 17, stream: false },
  { type: 3, protocol: 255, stream: false },
] as const;

/** Which socket speaks; none now and then. */
const SPEAKERS = [0, ...Array(9).fill(1), ...Array(7).fill(2), ...Array(4).fill(3)] as number[];

/** Where packets go by: on loopback more happens than elsewhere. */
const LINKS: readonly Link[] = [
  ...Array(3).fill('loopback'),
  ...Array(3).fill('uplink'),
  ...Array(2).fill('inner'),
];

/** Steps in one sequence that are asked of the programs. */
const LENGTH = 60;

export function createSequence(random: Random): Sequence {
  const world = createWorld(random, { of: 'sequences', now: random.pick(TIMES) });
  const sockets = KINDS.map((kind) => ({ ...kind, owned: !random.oneIn(3) }));
  const ownNetns = random.int(5) < 2;
  const flags = { ownNetns, redirect: random.oneIn(2), backstop: ownNetns && !random.oneIn(8) };
  const own = random.list(4, () => (random.oneIn(9) ? 0 : random.pick(world.addresses)));
  const scene: Scene = { world, now: world.now, last: new Map(), flags, own };
  const steps: (QuestionStep | ChangeStep)[] = [];
  for (let asked = 0; asked < LENGTH; ) {
    for (const step of nextSteps(random, scene)) {
      const done = apply(random, scene, step);
      if (isQuestion(done)) asked += 1;
      steps.push(done);
    }
  }
  const shape = random.pick(['called', 'direct'] as const);
  return [{ do: 'start', shape, world, sockets, flags, own }, ...steps];
}

/** Where a sequence has got to. */
interface Scene {
  world: World;
  now: number;
  readonly flags: StartStep['flags'];
  readonly own: readonly number[];
  /** Where each socket went last. */
  readonly last: Map<number, Destination>;
}

function nextSteps(
  random: Random,
  scene: Scene,
): readonly (QuestionStep | ChangeStep | StoryStep)[] {
  const { world, now, flags } = scene;
  const dice = random.int(100);
  if (dice < 8) return [{ do: 'time', ticks: random.pick([1, 2, 3, 5, 8, 13]) }];
  if (dice < 14) return [{ do: 'learn', ...learn(random, world, now) }];
  if (dice < 16) return [{ do: 'edit' }];
  if (dice < 31) return tellStory(random, world, random.pick([1, 1, 1, 2]), now);
  if (dice < 34) return askMuch(random, world, flags);
  return [ask(random, scene)];
}

/** Takes a step into the scene, and works out what it left open. */
function apply(
  random: Random,
  scene: Scene,
  step: QuestionStep | ChangeStep | StoryStep,
): QuestionStep | ChangeStep {
  const { state } = scene.world;
  if (step.do === 'time') scene.now += step.ticks;
  if (step.do === 'learn') {
    scene.world = withLearned(scene.world, new Map(state.learned).set(step.address, step.slots));
  }
  if (step.do !== 'edit') return step;
  const successor = random.oneIn(16);
  const world = nextWorld(random, scene.world, scene.now);
  scene.world = successor ? withLearned(world, new Map()) : world;
  return { do: successor ? 'successor' : 'policy', world: scene.world };
}

/** An address that is known gets other names, or the same ones for longer; or it is a new one. */
function learn(random: Random, { state }: World, now: number) {
  const expiries = expiriesOf({ of: 'sequences', now }, now);
  const known = [...state.learned];
  if (known.length === 0 || random.oneIn(4)) {
    const address = random.u32();
    return { address, slots: state.doh.has(address) ? [] : createSlots(random, expiries) };
  }
  const [address, slots] = random.pick(known);
  if (random.oneIn(3)) return { address, slots: createSlots(random, expiries) };
  return {
    address,
    slots: slots.map(({ name }) => ({
      name,
      expires: Math.min(random.pick(expiries), 0xffffffff),
    })),
  };
}

function withLearned(world: World, learned: World['state']['learned']): World {
  return { ...world, state: { ...world.state, learned } };
}

/** Other rules or another mode, in the same surroundings. */
function nextWorld(random: Random, world: World, now: number): World {
  const { resolver, learned, doh, names } = world.state;
  const other = createWorld(random, { of: 'sequences', now });
  // Some edits are about prefixes alone: what names allow stays.
  const kept = random.int(5) < 2 ? names : other.state.names;
  return {
    ...world,
    mode: other.mode,
    state: { ...other.state, resolver, learned, doh, names: kept },
  };
}

function ask(random: Random, scene: Scene): QuestionStep {
  const { world, last } = scene;
  if (random.int(9) < 2) return createFrameStep(random, scene);
  const socket = random.pick(SPEAKERS);
  const peer = random.pick(['none', 'own', 'own', 'foreign', 'foreign', 'foreign'] as const);
  const asked = { socket, peer, inTarget: !random.oneIn(4) };
  const connects = socket !== 0 && random.oneIn(2);
  const to = nextPlace(random, world, socket, last.get(socket));
  if (!random.oneIn(8)) last.set(socket, to);
  if (connects) return connect(random, to, asked, scene.own);
  const link = random.pick(LINKS);
  const there = redirected(random, scene, to, link);
  const frame = random.int(5) < 3 ? createFrame(random, there) : createPlainFrame(random, there);
  return { do: 'packet', ...asked, frame, link };
}

/**
 * In a namespace of its own, queries have become the resolver's on loopback; those of nested containers
 * are still on their way.
 */
function redirected(
  random: Random,
  { world, flags }: Scene,
  to: Destination,
  link: Link,
): Destination {
  if (!flags.ownNetns || random.oneIn(5)) return to;
  if (link === 'loopback') return toResolver(random, world) ?? to;
  return flags.backstop && random.oneIn(2) ? { ...to, port: 53 } : to;
}

/** At the machine's end of a link, mostly of a container that is nested: of no socket that is left. */
function createFrameStep(random: Random, scene: Scene): FrameStep {
  const { world, last } = scene;
  const socket = random.oneIn(2) ? 0 : random.pick(SPEAKERS);
  const kernelsOwn = random.int(9) < 2;
  const link = random.oneIn(8) ? 'inner' : 'uplink';
  const step = { do: 'frame', peer: 'none', inTarget: true, link, kernelsOwn } as const;
  if (kernelsOwn) {
    return { ...step, socket: 0, frame: createLastWord(random, newPlace(random, world, 1)) };
  }
  if (random.int(8) < 3) return { ...step, socket, frame: createOtherFrame(random) };
  const to = nextPlace(random, world, socket, last.get(socket));
  last.set(socket, to);
  return {
    ...step,
    socket,
    frame: random.oneIn(3) ? createFrame(random, to) : createPlainFrame(random, to),
  };
}

/** Where it went before, a port beside that, or somewhere else. */
function nextPlace(
  random: Random,
  world: World,
  socket: number,
  before?: Destination,
): Destination {
  const stays = KINDS[socket - 1]?.stream === true ? 8 : 3;
  if (before === undefined || random.oneIn(stays)) return newPlace(random, world, socket);
  if (!random.oneIn(12)) return before;
  return { ...before, port: (before.port + 1) & 0xffff };
}

function newPlace(random: Random, world: World, socket: number): Destination {
  const kind = KINDS[socket - 1];
  const aim = random.int(24);
  if (aim < 2) return toPrefix(random, world) ?? createDestination(random, world);
  if (aim < 15) {
    const protocol = kind === undefined || kind.type === 3 ? random.pick([6, 17]) : kind.protocol;
    return toAllowed(random, world, protocol) ?? createDestination(random, world);
  }
  if (aim < 17) return toResolver(random, world) ?? createDestination(random, world);
  if (aim < 19) return toClosed(random, world);
  const place = createDestination(random, world);
  if (aim < 22) return { ...place, protocol: random.pick(RARE_PROTOCOLS) };
  // Most sockets send what they are for; a raw one anything.
  return kind === undefined || kind.type === 3 ? place : { ...place, protocol: kind.protocol };
}

function connect(
  random: Random,
  to: Destination,
  asked: Asked,
  own: readonly number[],
): AddressStep {
  const places: readonly Destination[] = [
    ...random.list(4, () => to),
    ...random.list(3, () => ({ ...to, address: 0x7f00_0001 })),
    ...random.list(2, () => ({ ...to, address: random.pick(own) || to.address })),
    ...random.list(2, () => toProbe(random)),
  ];
  const destination = random.pick(places);
  return {
    do: 'address',
    ...asked,
    ask: random.pick(['address4', 'address4', 'address6'] as const),
    hook: random.pick(['connect', 'sendmsg'] as const),
    address: createIpv6(random, destination),
    port: random.oneIn(8) ? 53 : to.port,
    protocol: destination.protocol,
  };
}
