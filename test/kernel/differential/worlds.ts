/**
 * Random states of one target: policy, learned addresses, resolver. Numbers come from small pools of
 * edges rather than from all of 2^32, so that rules, addresses and questions meet each other.
 */
import { dohAddresses } from '#policy/always-denied.ts';
import { constantAddress as ip, netmask } from '#policy/cidr.ts';
import { type CidrEntry, MAX_PERMISSIONS, type Mode, type Permission } from '#policy/types.ts';
import { LEARNED_SLOTS, type Learned, type VerdictState } from '#policy/verdict.ts';
import type { Random } from './random.ts';

export interface World {
  readonly state: VerdictState;
  readonly mode: Mode;
  readonly now: number;
  /** Addresses and ports at which something changes. */
  readonly addresses: readonly number[];
  readonly ports: readonly number[];
  readonly nameIds: readonly number[];
}

/** Both sides of every border that the verdict knows by itself. */
const BORDERS = [
  ...['0.0.0.0', '0.255.255.255', '1.0.0.0', '127.0.0.1', '126.255.255.255', '128.0.0.0'],
  ...['169.253.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255', '169.255.0.0'],
  ...['100.100.100.199', '100.100.100.200', '100.100.100.201'],
  ...['168.63.129.15', '168.63.129.16', '168.63.129.17'],
  ...['192.0.2.251', '192.0.2.252', '192.0.2.253', '192.0.2.254'],
  ...['223.255.255.255', '224.0.0.0', '239.255.255.255', '240.0.0.0', '255.255.255.255'],
].map(ip);
const PORT_BORDERS = [0, 1, 52, 53, 54, 80, 443, 852, 853, 854, 8000, 65534, 65535];
const LENGTHS = [0, 1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 30, 31, 32];
/** Ticks; where signs and widths change. */
export const TIMES = [1, 2, 1000, 0x7fffffff, 0x80000000, 0xff000000];
/** Names are numbers below 2^20 (bpf/verdict.h). */
const NAMES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 4095, 0xfffe, 0xffff];

/**
 * Whose time it is: `questions` alone give it with each; `kernel` has its own, so expiries stay away
 * from it; in `sequences` it passes. To the hooks of the latter two no address of a resolver over HTTPS
 * is ever learned: agent/target sees to that, and the short way relies on it.
 */
export type Clock =
  | { readonly of: 'questions' }
  | { readonly of: 'kernel' | 'sequences'; readonly now: number };

export function createWorld(random: Random, clock: Clock = { of: 'questions' }): World {
  const now = clock.of === 'questions' ? random.pick(TIMES) : clock.now;
  const bases = [
    ...random.list(4, () => random.u32()),
    ...random.list(2, () => (random.oneIn(2) ? random.pick(BORDERS) : random.u32())),
  ];
  const cidrs = createCidrs(random, bases);
  const names = new Map(
    NAMES.filter(() => !random.oneIn(3)).map((name) => [name, createLines(random)]),
  );
  const address = random.pick([ip('127.0.0.1'), ip('10.0.0.53'), random.pick(bases)]);
  const resolver = random.oneIn(5) ? null : { address, port: random.pick([15353, 53, 65535]) };
  const doh = new Set([...dohAddresses.slice(0, 3), random.pick(bases)]);
  const without = clock.of === 'questions' ? new Set<number>() : doh;
  const learned = createLearned(random, bases, expiriesOf(clock, now), without);
  const state = { resolver, names, cidrs, learned, doh };
  const lines = [...[...names.values()].flat(), ...cidrs.flatMap((c) => c.permissions)];
  return {
    state,
    mode: random.oneIn(3) ? 'Observe' : 'Block',
    now,
    addresses: around([
      ...[...bases, ...bases, ...bases],
      ...random.list(6, () => random.pick(BORDERS)),
      ...random.list(2, () => random.pick([...doh])),
      ...[...learned.keys(), ...learned.keys(), ...learned.keys()],
      ...cidrs.flatMap((c) => [c.address, (c.address | ~netmask(c.length)) >>> 0]),
      ...(resolver ? [resolver.address, resolver.address] : []),
    ]),
    ports: [
      ...PORT_BORDERS,
      ...lines.flatMap((line) => [line.from - 1, line.from, line.to, line.to + 1]),
      ...(resolver ? Array.from({ length: 20 }, () => resolver.port) : []),
    ].filter((port) => port >= 0 && port <= 0xffff),
    nameIds: NAMES,
  };
}

/** The numbers themselves, thrice as often as their neighbours. */
function around(addresses: readonly number[]): number[] {
  return addresses.flatMap((a) => [a, a, a, (a - 1) >>> 0, (a + 1) >>> 0]);
}

function createLines(random: Random): Permission[] {
  const count = random.pick([0, 1, 1, 2, 3, MAX_PERMISSIONS - 1, MAX_PERMISSIONS]);
  // Narrow lines before a last one that holds for everything: all of them have to be read.
  const staircase = random.oneIn(3);
  return random.list(count, (index) => {
    const [a, b] = [random.pick(PORT_BORDERS), random.pick(PORT_BORDERS)];
    if (staircase && index < count - 1) {
      return { action: 'deny', protocol: 0, from: index, to: index, rule: index } as const;
    }
    const whole = staircase || random.oneIn(6);
    return {
      action: random.oneIn(3) ? 'deny' : 'allow',
      protocol: random.pick([0, 6, 6, 17]),
      from: whole ? 0 : Math.min(a, b),
      to: whole ? 65535 : Math.max(a, b),
      rule: random.pick([1, 2, 3, 255, 256, 65535]),
    } as const;
  });
}

function createCidrs(random: Random, bases: readonly number[]): CidrEntry[] {
  const deny = random.oneIn(2);
  const entries = new Map<string, CidrEntry>();
  for (let i = random.int(12); i > 0; i--) {
    const length = random.pick(LENGTHS);
    const address = (random.pick([...bases, ...BORDERS]) & netmask(length)) >>> 0;
    const permissions = createLines(random).filter((line) => deny || line.action === 'allow');
    entries.set(`${address}/${length}`, { address, length, permissions });
  }
  return [...entries.values()];
}

export function expiriesOf(clock: Clock, now: number): number[] {
  const far = [now + 0x7ffffe, now + 0x7fffff, now + 0x800000];
  if (clock.of === 'kernel') return [now - 1, ...far];
  if (clock.of === 'questions') return [now - 1, now, now + 1, now + 2, ...far];
  return [now + 1, now + 3, now + 5, now + 8, now + 13, now + 13, now + 30, ...far];
}

/** Names for an address, each with when it expires. */
export function createSlots(random: Random, expiries: readonly number[]): Learned[] {
  return random.list(random.pick([1, 1, 2, LEARNED_SLOTS - 1, LEARNED_SLOTS]), () => ({
    name: random.pick(NAMES),
    expires: Math.min(random.pick(expiries), 0xffffffff),
  }));
}

function createLearned(
  random: Random,
  bases: readonly number[],
  expiries: readonly number[],
  without: ReadonlySet<number>,
): Map<number, Learned[]> {
  const known = () => random.pick(random.oneIn(6) ? BORDERS : bases);
  const addresses = new Set(random.list(6, known)).difference(without);
  return new Map([...addresses].map((address) => [address, createSlots(random, expiries)]));
}
