/**
 * The reference verdict: what the kernel's hooks decide about one packet or connection, in the same order,
 * as a pure function. It is the oracle that the C in bpf/verdict.h is compared with, so every step stands
 * here as it stands there.
 */
import type { Reason } from '#api/event.ts';
import { alwaysDeniedReasons, deniedPorts, deniedPrefixes } from './always-denied.ts';
import { contains, netmask } from './cidr.ts';
import { firstMatch } from './permissions.ts';
import { type CidrEntry, type Mode, type Permission, protocols } from './types.ts';

export interface VerdictQuery {
  /** Which hook asks. The order is the same for all of them. */
  readonly hook: 'connect' | 'sendmsg' | 'packet';
  readonly family: 4 | 6;
  /** IPv4 destination, unsigned, host order. An IPv4-mapped IPv6 destination counts as family 4. */
  readonly daddr: number;
  /** IANA number. */
  readonly protocol: number;
  /** Host order; 0 when the packet has none. */
  readonly dport: number;
  /** The headers could not be read. */
  readonly malformed: boolean;
  readonly ipOptions: boolean;
  /** A fragment beyond the first: it has no ports. */
  readonly fragment: boolean;
  /** No cached verdict may be used: a new connection, or UDP and raw. */
  readonly fresh: boolean;
  /** Is the destination in the namespace itself: at a socket of the target, or at someone else's? */
  readonly local: 'none' | 'own' | 'foreign';
  /** Identity of the name that the socket's connection to this very place was opened for; 0 for none. */
  readonly socketName: number;
  /** The same clock as `Learned.expires`. */
  readonly now: number;
}

/** One name that an address was learned from. */
export interface Learned {
  /** Identity of the name; 0 marks an empty slot. */
  readonly name: number;
  /** First moment at which it no longer counts. */
  readonly expires: number;
}

export interface VerdictState {
  readonly resolver: { readonly address: number; readonly port: number } | null;
  /** By the identity of a name. */
  readonly names: ReadonlyMap<number, readonly Permission[]>;
  readonly cidrs: readonly CidrEntry[];
  /** By address; at most LEARNED_SLOTS, in order. */
  readonly learned: ReadonlyMap<number, readonly Learned[]>;
  readonly doh: ReadonlySet<number>;
}

export interface Verdict {
  readonly allow: boolean;
  readonly reason: Reason;
  /** Index into the policy's rules; 0 is the default. */
  readonly rule: number;
  /** Identity of the name that it is about; 0 for none. */
  readonly name: number;
  /** When the allowance ends; 0 for never by time. */
  readonly expires: number;
}

/** Names that one address can be learned from; more are not looked at. */
export const LEARNED_SLOTS = 7;

const ICMP = 1;
const ports: ReadonlySet<number> = new Set(Object.values(protocols));

export function verdict(query: VerdictQuery, state: VerdictState): Verdict {
  if (query.local === 'own') return allow('local');
  if (isResolver(query, state)) return allow('resolver');

  const always = alwaysDenied(query, state);
  if (always !== null) return deny(always);

  const entry = longestMatch(state.cidrs, query.daddr);
  const line = entry === null ? null : firstMatch(entry.permissions, query.protocol, query.dport);
  if (line?.action === 'deny') return deny('deny-rule', line.rule);

  const cached = judgeSocketName(query, state);
  if (cached !== null) return cached;
  const learned = judgeLearned(query, state);
  if (learned?.allow === true) return learned;

  if (line !== null) return allow('cidr', line.rule);
  if (learned !== null) return learned;
  if (entry !== null) return deny('port');
  return deny(query.local === 'foreign' ? 'local-service' : 'default');
}

/** May the packet pass? Observe lets pass what a rule refuses, never what is always denied. */
export function passes(mode: Mode, judged: Verdict): boolean {
  return judged.allow || (mode === 'Observe' && !alwaysDeniedReasons.has(judged.reason));
}

function allow(reason: Reason, rule = 0, name = 0, expires = 0): Verdict {
  return { allow: true, reason, rule, name, expires };
}

function deny(reason: Reason, rule = 0, name = 0): Verdict {
  return { allow: false, reason, rule, name, expires: 0 };
}

function isResolver(query: VerdictQuery, state: VerdictState): boolean {
  return (
    ports.has(query.protocol) &&
    query.family === 4 &&
    !query.fragment &&
    !query.malformed &&
    state.resolver !== null &&
    query.daddr === state.resolver.address &&
    query.dport === state.resolver.port
  );
}

/** Step 2: what no policy can allow. The order decides which reason is told. */
function alwaysDenied(query: VerdictQuery, state: VerdictState): Reason | null {
  if (query.malformed) return 'malformed';
  if (query.family === 6) return 'ipv6';
  if (query.ipOptions) return 'ip-options';
  if (query.fragment) return 'fragment';
  const prefix = deniedPrefixes.find((denied) => contains(denied, query.daddr));
  if (prefix !== undefined) return prefix.reason;
  if (query.protocol === ICMP) return 'icmp';
  if (!ports.has(query.protocol)) return 'protocol';
  return deniedPorts.get(query.dport) ?? (state.doh.has(query.daddr) ? 'doh' : null);
}

/** A linear search, because the oracle should be obvious; the kernel has a trie. */
function longestMatch(cidrs: readonly CidrEntry[], address: number): CidrEntry | null {
  let best: CidrEntry | null = null;
  for (const entry of cidrs) {
    const inside = (address & netmask(entry.length)) >>> 0 === entry.address;
    if (inside && (best === null || entry.length > best.length)) best = entry;
  }
  return best;
}

/** Step 5a: a connection that goes on is judged by the name that it was opened for. */
function judgeSocketName(query: VerdictQuery, state: VerdictState): Verdict | null {
  if (query.socketName === 0 || query.fresh) return null;
  const lines = state.names.get(query.socketName) ?? [];
  const line = firstMatch(lines, query.protocol, query.dport);
  return line?.action === 'allow' ? allow('name', line.rule, query.socketName) : null;
}

/** Of several refusals the one that tells most is reported. */
const rank: Partial<Record<Reason, number>> = { default: 1, expired: 2, port: 3, 'deny-rule': 4 };

/** Step 5b: the names that this target learned the address from. Null when there is none. */
function judgeLearned(query: VerdictQuery, state: VerdictState): Verdict | null {
  let noted: Verdict | null = null;
  for (const slot of (state.learned.get(query.daddr) ?? []).slice(0, LEARNED_SLOTS)) {
    if (slot.name === 0) continue;
    const judged = judgeSlot(query, state, slot);
    if (judged.allow) return judged;
    if (noted === null || (rank[judged.reason] ?? 0) > (rank[noted.reason] ?? 0)) noted = judged;
  }
  return noted;
}

function judgeSlot(query: VerdictQuery, state: VerdictState, slot: Learned): Verdict {
  if (query.now >= slot.expires) return deny('expired', 0, slot.name);
  const lines = state.names.get(slot.name);
  if (lines === undefined) return deny('default', 0, slot.name);
  const line = firstMatch(lines, query.protocol, query.dport);
  if (line === null) return deny('port', 0, slot.name);
  if (line.action === 'deny') return deny('deny-rule', line.rule, slot.name);
  return allow('name', line.rule, slot.name, slot.expires);
}
