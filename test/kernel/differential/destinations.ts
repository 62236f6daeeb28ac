/**
 * Where a random packet or connection goes: anywhere among a world's borders, or aimed at what the world
 * has rules, names or a resolver for, so that every branch of the verdict is met often.
 */
import { deniedPorts, deniedPrefixes } from '#policy/always-denied.ts';
import { constantAddress, contains } from '#policy/cidr.ts';
import { firstMatch } from '#policy/permissions.ts';
import type { Permission } from '#policy/types.ts';
import type { Random } from './random.ts';
import type { World } from './worlds.ts';

const CLOSED_PORTS = [...deniedPorts.keys()];
const METADATA = constantAddress('169.254.169.254');
/** Of the barrier; the second is of interest to the address hooks. */
const PROBES = ['192.0.2.252', '192.0.2.253', '192.0.2.253'].map(constantAddress);

export interface Destination {
  /** IPv4, host order. */
  readonly address: number;
  readonly protocol: number;
  readonly port: number;
  /** A name that its rules may be about; 0 for none. */
  readonly name: number;
}

export const RARE_PROTOCOLS = [1, 1, 1, 1, 1, 1, 0, 2, 47, 58, 132, 255];

export function createDestination(random: Random, world: World): Destination {
  const aim = random.int(8);
  if (aim < 5) return toLearned(random, world) ?? toAnywhere(random, world);
  if (aim === 5) return toPrefix(random, world) ?? toAnywhere(random, world);
  if (aim === 6 && random.oneIn(2)) return toResolver(random, world) ?? toAnywhere(random, world);
  if (aim === 6 && random.oneIn(4)) return toProbe(random);
  return toAnywhere(random, world);
}

function protocolOf(random: Random): number {
  return random.oneIn(4) ? random.pick(RARE_PROTOCOLS) : random.pick([6, 6, 17]);
}

/** An address that was learned for a name whose rules allow it by this protocol, if the world has one. */
export function toAllowed(random: Random, { state }: World, protocol: number): Destination | null {
  const open = [...state.learned].filter(
    ([address]) => !deniedPrefixes.some((prefix) => contains(prefix, address)),
  );
  const allowed = open.flatMap(([address, slots]) =>
    slots.flatMap(({ name }) => {
      const lines = state.names.get(name) ?? [];
      return lines
        .flatMap(({ from, to }) => [from, to])
        .filter((port) => firstMatch(lines, protocol, port)?.action === 'allow')
        .map((port) => ({ address, protocol, port, name }));
    }),
  );
  return allowed.length === 0 ? null : random.pick(allowed);
}

/** A place that is closed to everybody by its address alone. */
export function toClosed(random: Random, { state }: World): Destination {
  const address = random.oneIn(6) ? METADATA : random.pick([...state.doh]);
  return { address, protocol: 6, port: 443, name: 0 };
}

/** The address hooks tell one of the two by its protocol. */
export function toProbe(random: Random): Destination {
  const protocol = random.pick([6, 17, 17, 17]);
  return { address: random.pick(PROBES), protocol, port: 443, name: 0 };
}

function toAnywhere(random: Random, world: World): Destination {
  return {
    address: random.pick(world.addresses),
    protocol: protocolOf(random),
    port: random.oneIn(10) ? random.pick(CLOSED_PORTS) : random.pick(world.ports),
    name: random.oneIn(2) ? 0 : random.pick(world.nameIds),
  };
}

function toLearned(random: Random, { state }: World): Destination | null {
  const [address, slots] = pickEntry(random, state.learned) ?? [0, []];
  if (slots.length === 0) return null;
  const { name } = random.pick(slots);
  return {
    ...meeting(random, state.names.get(name) ?? []),
    address,
    name: random.oneIn(5) ? 0 : name,
  };
}

export function toPrefix(random: Random, { state }: World): Destination | null {
  if (state.cidrs.length === 0) return null;
  const { address, permissions } = random.pick(state.cidrs);
  return { ...meeting(random, permissions), address, name: 0 };
}

export function toResolver(random: Random, { state }: World): Destination | null {
  if (state.resolver === null) return null;
  return { ...state.resolver, protocol: random.pick([6, 17]), name: 0 };
}

/** A port and protocol of one of the lines, or one beside it. */
function meeting(random: Random, lines: readonly Permission[]) {
  if (lines.length === 0) return { protocol: random.pick([6, 17]), port: 443 };
  const { from, to, protocol } = random.pick(lines);
  return {
    protocol: random.oneIn(12) ? protocolOf(random) : protocol || random.pick([6, 17]),
    port: (random.oneIn(6) ? to + 1 : random.pick([from, to])) & 0xffff,
  };
}

function pickEntry<K, V>(random: Random, map: ReadonlyMap<K, V>): readonly [K, V] | undefined {
  return map.size === 0 ? undefined : random.pick([...map]);
}
