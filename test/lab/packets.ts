/**
 * Counts every packet that reaches the lab's internet, by destination: the proof for "not one packet".
 * The hook is the first that there is on the receiving side (netdev ingress), so packets count that
 * the namespace itself would refuse: no such address, no such port, a bad checksum.
 */
import { canonicalAddress } from './addresses.ts';
import { execute } from './execute.ts';
import { MARK } from './mark.ts';
import { NETNS_FOLDER, namespaceName } from './namespaces.ts';

const TABLE = 'twlab';

export interface Arrival {
  readonly address: string;
  /** As nft names it: `tcp`, `udp`, `icmp`, …; a number where it has no name. */
  readonly protocol: string;
  /** Absent for protocols without ports and for the sums over all ports. */
  readonly port?: number;
  readonly packets: number;
}

const RULES = `
table netdev ${TABLE} {
  set address4 { type ipv4_addr . inet_proto; flags dynamic; size 65535; }
  set address6 { type ipv6_addr . inet_proto; flags dynamic; size 65535; }
  set port4 { type ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  set port6 { type ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  chain arrive {
    type filter hook ingress device "${MARK}" priority -500;
    ip protocol 0-255 add @address4 { ip daddr . ip protocol counter }
    meta l4proto 0-255 add @address6 { ip6 daddr . meta l4proto counter }
    meta l4proto { tcp, udp } add @port4 { ip daddr . meta l4proto . th dport counter }
    meta l4proto { tcp, udp } add @port6 { ip6 daddr . meta l4proto . th dport counter }
  }
}
`;

export function countPackets(id: string): void {
  nft(id, ['-f', '-'], RULES);
}

/** Packets per address and protocol (`port` absent), and per port. */
export function arrivals(id: string): Arrival[] {
  const listing: unknown = JSON.parse(nft(id, ['-j', 'list', 'table', 'netdev', TABLE]));
  return elements(listing).map(({ val, counter }) => {
    const [address, protocol, port] = val.concat;
    const { packets } = counter;
    const base = { address: String(address), protocol: String(protocol), packets };
    return port === undefined ? base : { ...base, port: Number(port) };
  });
}

/** What came between two looks. */
export function arrivedSince(before: readonly Arrival[], now: readonly Arrival[]): Arrival[] {
  const same = (a: Arrival) => (b: Arrival) =>
    a.address === b.address && a.protocol === b.protocol && a.port === b.port;
  return now
    .map((one) => ({ ...one, packets: one.packets - (before.find(same(one))?.packets ?? 0) }))
    .filter(({ packets }) => packets > 0);
}

/** Packets that came for this address; for this port of it (TCP and UDP together) when one is given. */
export function packetsTo(list: readonly Arrival[], address: string, port?: number): number {
  const wanted = canonicalAddress(address);
  return list
    .filter((arrival) => arrival.address === wanted && arrival.port === port)
    .reduce((sum, arrival) => sum + arrival.packets, 0);
}

interface SetElement {
  readonly val: { readonly concat: readonly (string | number)[] };
  readonly counter: { readonly packets: number };
}

/** The elements in nft's JSON (libnftables-json(5), "SET"); a set without any has no `elem`. */
function elements(listing: unknown): SetElement[] {
  const { nftables } = listing as { nftables: { set?: { elem?: { elem: SetElement }[] } }[] };
  return nftables.flatMap((entry) => entry.set?.elem ?? []).map((entry) => entry.elem);
}

function nft(id: string, args: readonly string[], input = ''): string {
  const netns = `--net=${NETNS_FOLDER}/${namespaceName(id, 'net')}`;
  return execute('nsenter', [netns, 'nft', ...args], input);
}
