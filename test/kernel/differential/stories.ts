/**
 * Short stories inside random sequences: what a socket's memory is for seldom comes about by chance.
 * Each is a few steps of one socket that is let through to a name, in a world where one is.
 */
import { firstMatch } from '#policy/permissions.ts';
import type { Learned } from '#policy/verdict.ts';
import { type Destination, toAllowed, toPrefix, toResolver } from './destinations.ts';
import { createPlainFrame, TCP, tcpFrame } from './questions.ts';
import type { Random } from './random.ts';
import type { AddressStep, FrameStep, Link, PacketStep, StartStep } from './steps.ts';
import type { World } from './worlds.ts';

export type StoryStep =
  | PacketStep
  | AddressStep
  | FrameStep
  | { readonly do: 'learn'; readonly address: number; readonly slots: readonly Learned[] }
  | { readonly do: 'time'; readonly ticks: number }
  /** The policy changes; the sequence knows to what. */
  | { readonly do: 'edit' };

const asked = { peer: 'none', inTarget: true } as const;
/** Ticks until a name of a story expires; its time passes by more. */
const SOON = 3;

/** @returns no step where the world lets this socket through to no name */
export function tellStory(random: Random, world: World, socket: number, now: number): StoryStep[] {
  const protocol = socket === 1 ? TCP : 17;
  const to = toAllowed(random, world, protocol);
  if (to === null) return [];
  const later: StoryStep = { do: 'time', ticks: SOON + random.int(3) };
  const opens = packet(random, socket, to, 'SYN');
  const goesOn = packet(random, socket, to, 'ACK');
  const soon = learnFirst(to, now + SOON);
  switch (random.int(15)) {
    case 0:
      return [soon, opens, goesOn, goesOn, goesOn, later, goesOn, goesOn, goesOn, goesOn, opens];
    case 1:
      return [soon, opens, later, learnFirst(to, now + 3 * SOON), opens, goesOn];
    case 2:
    case 3:
    case 4:
    case 10:
      return [
        soon,
        opens,
        { do: 'edit' },
        goesOn,
        { do: 'edit' },
        goesOn,
        goesOn,
        later,
        goesOn,
        goesOn,
      ];
    case 5:
    case 12: {
      const name = random.pick(namesWithout(world, to));
      return [learnFirst({ ...to, name }, now + SOON), opens, opens, opens, opens, soon];
    }
    case 8: {
      const leaves = at(socket, opens.frame);
      return [
        soon,
        opens,
        leaves,
        leaves,
        goesOn,
        at(socket, goesOn.frame),
        { do: 'edit' },
        leaves,
      ];
    }
    case 11: {
      const prefix = { ...(toPrefix(random, world) ?? to), protocol };
      const there = packet(random, socket, prefix, 'SYN');
      return [there, there, there];
    }
    case 9:
      return tellFlow(random, world, now);
    case 7: {
      const connects = connect(socket, to);
      return [soon, opens, connects, connects, connects, later, connects];
    }
    case 6: {
      const local = { ...to, address: 0x7f00_0001 + random.int(9) };
      const there = {
        ...packet(random, socket, local, 'SYN'),
        link: 'loopback',
        peer: 'foreign',
      } as const;
      const connects = { ...connect(socket, local), peer: 'foreign' } as const;
      return [there, there, there, connects, connects, there];
    }
    default: {
      const next = toAllowed(random, world, protocol) ?? to;
      const there = packet(random, socket, next, 'SYN');
      const learns = learnFirst(next, now + SOON);
      return [soon, opens, learns, there, opens, there, opens, there];
    }
  }
}

/** Names that have no rules, and names whose rules deny this place; 0 stands for no name at all. */
function namesWithout({ nameIds, state }: World, { protocol, port }: Destination): number[] {
  const closed = nameIds.filter((id) => {
    const lines = state.names.get(id);
    return lines === undefined || firstMatch(lines, protocol, port)?.action === 'deny';
  });
  return [...closed, 0];
}

/**
 * More queries at once than the budget takes. In a namespace of its own the resolver is on loopback; of a
 * nested container they are still for some server.
 */
export function askMuch(random: Random, world: World, flags: StartStep['flags']): StoryStep[] {
  const nested = flags.backstop && random.oneIn(2);
  const some = { address: random.pick(world.addresses), port: 53, name: 0 };
  const to = nested ? some : toResolver(random, world);
  if (to === null) return [];
  const out = random.pick(['uplink', 'inner'] as const);
  const link: Link = flags.ownNetns && !nested ? 'loopback' : out;
  const queries = random.list(3, () => ({
    ...packet(random, 2, { ...to, protocol: 17 }, 'SYN'),
    link,
  }));
  return nested ? [...queries, { do: 'time', ticks: 8 }, ...queries] : [...queries, ...queries];
}

function learnFirst(to: Destination, expires: number): StoryStep {
  const slots = to.name === 0 ? [] : [{ name: to.name, expires: Math.min(expires, 0xffffffff) }];
  return { do: 'learn', address: to.address, slots };
}

function packet(random: Random, socket: number, to: Destination, flag: 'SYN' | 'ACK'): PacketStep {
  const frame = to.protocol === TCP ? tcpFrame(random, to, flag) : createPlainFrame(random, to);
  return { do: 'packet', ...asked, socket, frame, link: 'uplink' };
}

/** A connection of a nested container, where it leaves. */
function tellFlow(random: Random, world: World, now: number): StoryStep[] {
  const to = toAllowed(random, world, TCP);
  if (to === null) return [];
  const opens = tcpFrame(random, to, 'SYN');
  const goesOn = Buffer.from(opens);
  goesOn.writeUInt8(0x18, 14 + 20 + 13);
  const later: StoryStep = { do: 'time', ticks: SOON + random.int(3) };
  const soon = learnFirst(to, now + SOON);
  return [soon, at(0, opens), at(0, goesOn), later, at(0, goesOn), at(0, opens), at(0, goesOn)];
}

/** A frame at the machine's end of a link. */
export function at(socket: number, frame: Buffer): FrameStep {
  return { do: 'frame', ...asked, socket, frame, link: 'uplink', kernelsOwn: false };
}

export function connect(socket: number, { address, port, protocol }: Destination): AddressStep {
  const wire = Buffer.alloc(16);
  wire.writeUInt32BE(address, 12);
  const about = { address: wire, port, protocol, ask: 'address4', hook: 'connect' } as const;
  return { do: 'address', ...asked, socket, ...about };
}
