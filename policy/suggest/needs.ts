/**
 * What rows of evidence say that a job needs: names and addresses with their ports. What no policy can
 * allow, and what a policy denies, is kept apart: a suggestion opens neither.
 */
import { allowedReasons, type EgressEvent, type Reason } from '#api/event.ts';
import { deniedPrefixes } from '../always-denied.ts';
import { contains, parseAddress, rangeKind } from '../cidr.ts';
import { type DestinationHost, hostText } from '../destination.ts';
import { judgeDestination } from '../judge-destination.ts';
import { parseName } from '../names.ts';
import { MAX_PORT } from '../permissions.ts';
import type { CompiledPolicy, Permission } from '../types.ts';
import { shown, Users } from './who.ts';

export interface PortNeed {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface Need {
  readonly host: Exclude<DestinationHost, { ipv6: string }>;
  readonly users: Users;
  /** By `port/protocol`; empty when the name was looked up and nothing else. */
  readonly ports: Map<string, PortNeed>;
  /** Private addresses that its answers held. */
  readonly inside: Set<string>;
  /** Names that were seen, where this is a wildcard in their stead. */
  readonly instead?: readonly string[];
}

/** Something that is not suggested. */
export interface LeftOut {
  /** Destination and reason, or destination and rule; printable. */
  readonly text: string;
  readonly users: Users;
}

export interface Needs {
  readonly needs: readonly Need[];
  readonly impossible: readonly LeftOut[];
  readonly denied: readonly LeftOut[];
  /** Was something refused that a policy could allow? Then the command may not have come to the rest. */
  readonly refused: boolean;
}

/** In the order of their text, whatever the order of the rows. */
export function needsOf(rows: readonly EgressEvent[]): Needs {
  const needs = new Map<string, Need>();
  const impossible = new Map<string, LeftOut>();
  const denied = new Map<string, LeftOut>();
  let refused = false;
  for (const row of rows) {
    if (nothing.has(row.reason)) continue;
    const sorted = sortOut(row);
    if ('need' in sorted) {
      addNeed(needs, row, sorted.need);
      refused ||= row.action === 'block';
    } else {
      addLeftOut(
        'rule' in sorted ? denied : impossible,
        row,
        'rule' in sorted ? sorted.rule : sorted.why,
      );
    }
  }
  return {
    needs: inOrder(needs),
    impossible: inOrder(impossible),
    denied: inOrder(denied),
    refused,
  };
}

/** Reasons of rows that need nothing. */
export const nothing: ReadonlySet<Reason> = new Set<Reason>(['none', 'local', 'resolver']);

/** Refusals that a policy can turn into an allowance, beside what is allowed now. */
export const suggestible: ReadonlySet<Reason> = new Set<Reason>([
  ...allowedReasons,
  'default',
  'expired',
  'port',
  'local-service',
  'private-answer',
]);

type Sorted =
  | { readonly need: Need['host'] }
  | { readonly rule: string }
  /** Why no policy can allow it. */
  | { readonly why: string };

function sortOut(row: EgressEvent): Sorted {
  const { reason, policy, rule } = row;
  // A chain that holds a denied name is refused by the rule that denies that name.
  if (reason === 'deny-rule' || (reason === 'cname' && policy !== null)) return { rule };
  if (!suggestible.has(reason)) return { why: reason };
  const host = hostOf(row);
  if (host === null) return { why: 'no rule can name it' };
  const why = whyNever(row, host);
  return why === null ? { need: host } : { why };
}

export function hostOf({ domain, ip }: EgressEvent): Need['host'] | null {
  if (domain !== null) {
    const name = parseName(domain);
    return 'message' in name || name.wildcard !== 'none' ? null : { name: name.labels };
  }
  const address = ip === null ? null : parseAddress(ip);
  return typeof address === 'number' ? { address } : null;
}

/**
 * Is it the name of a service (RFC 2782), looked up and not connected to? The resolver tells addresses alone, so no
 * rule makes an answer of it; apt and others do without.
 */
export function isServiceLookup({ domain, port }: EgressEvent): boolean {
  return port === null && /^_[^.]+\._(tcp|udp)\./i.test(domain ?? '');
}

/** Asks the verdicts what they say when rules allow everything. */
export function whyNever(row: EgressEvent, host: Need['host']): string | null {
  const { port, protocol, ip } = row;
  if (isServiceLookup(row)) return 'a service record';
  if (port === 0) return 'port 0';
  if (port !== null && protocol !== 'tcp' && protocol !== 'udp') return protocol ?? 'no protocol';
  if (port === null && 'address' in host) return 'no port';
  const address = ip === null ? null : parseAddress(ip);
  const never = deniedPrefixes.find((one) => typeof address === 'number' && contains(one, address));
  if (never !== undefined) return never.reason;
  const destination = { host, port: port ?? 443, protocol: portProtocol(protocol), notes: [] };
  const judged = judgeDestination(everything(host), destination);
  return judged.allowed ? null : judged.reason;
}

export function portProtocol(protocol: EgressEvent['protocol']): PortNeed['protocol'] {
  return protocol === 'udp' ? 'udp' : 'tcp';
}

const open: readonly Permission[] = [
  { action: 'allow', protocol: 0, from: 0, to: MAX_PORT, rule: 0 },
];
const noRules: CompiledPolicy = {
  mode: 'Block',
  digest: '',
  rules: [],
  names: [],
  cidrs: [{ address: 0, length: 0, permissions: open }],
  upstreams: [],
};

/** A policy that allows this host, and every address, on every port. */
function everything(host: Need['host']): CompiledPolicy {
  if (!('name' in host)) return noRules;
  const pattern = { labels: host.name, wildcard: 'none' } as const;
  return { ...noRules, names: [{ pattern, private: true, permissions: open }] };
}

function addNeed(needs: Map<string, Need>, row: EgressEvent, host: Need['host']): void {
  const key = hostText(host);
  const need = needs.get(key) ?? { host, users: new Users(), ports: new Map(), inside: new Set() };
  needs.set(key, need);
  need.users.add(row);
  if (row.port !== null) {
    const protocol = portProtocol(row.protocol);
    need.ports.set(`${row.port}/${protocol}`, { port: row.port, protocol });
  }
  const address = row.ip === null ? null : parseAddress(row.ip);
  if ('name' in host && typeof address === 'number' && rangeKind(address) !== null) {
    need.inside.add(row.ip ?? '');
  }
}

function addLeftOut(found: Map<string, LeftOut>, row: EgressEvent, why: string): void {
  const text = `${whatText(row)}: ${shown(why)}`;
  const one = found.get(text) ?? { text, users: new Users() };
  found.set(text, one);
  one.users.add(row);
}

/** @example '169.254.169.254 80/TCP' */
export function whatText({ domain, ip, port, protocol }: EgressEvent): string {
  const host = shown(domain ?? ip ?? 'unknown');
  if (port !== null) return `${host} ${port}/${(protocol ?? 'other').toUpperCase()}`;
  return protocol === null ? host : `${host} ${protocol.toUpperCase()}`;
}

function inOrder<T>(found: ReadonlyMap<string, T>): readonly T[] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, value]) => value);
}
