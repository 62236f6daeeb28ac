/**
 * The target has a network namespace of its own: nftables there leads port 53 of every server to sockets
 * that were made there, for nested containers too. Where the namespace's links end on this machine, the
 * backstop stands behind it all.
 */
import { allDone } from '#bpf/all-done.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { MAX_OWN, MAX_UPLINKS, targetFlags } from '#bpf/layout.ts';
import { type HostLinksHandle, type Interface, native } from '#bpf/native.ts';
import { constantAddress, formatAddress } from '#policy/cidr.ts';
import { applyRules } from './nft.ts';
import type { Redirect } from './redirect.ts';
import { RESOLVER_PORT, redirectRules } from './rules.ts';
import { openSockets, type SocketPlan } from './sockets.ts';

export interface NetnsOptions {
  /** Path of the namespace: a bind mount, or /proc/<pid>/ns/net. */
  readonly netns: string;
  readonly kernel: Pick<Kernel, 'attachBackstop' | 'forgetUplink'>;
  readonly hostLinks: HostLinksHandle;
  readonly slot: number;
  /** Bytes of queries that may wait. */
  readonly room: number;
  /** A process before this one led port 53 here already: queries may be under way. */
  readonly engaged: boolean;
  readonly keep: SocketPlan['keep'];
}

/** Kinds of links that lead nowhere but to what is inside the namespace. */
const innerKinds: ReadonlySet<string> = new Set(['bridge', 'dummy']);

export async function redirectByNftables(options: NetnsOptions): Promise<Redirect> {
  const { netns, kernel, slot, room, engaged, keep } = options;
  const { links, addresses } = await native().interfaces(netns, options.hostLinks);
  const uplinks = links.filter(({ name, kind }) => name !== 'lo' && !innerKinds.has(kind));
  const others = await Promise.all(uplinks.map(otherEnd));
  const { ends, without } = hostEnds(uplinks, others);
  const own = addresses.filter((address) => address >>> 24 !== 127);
  const sockets = openSockets({
    sockets: socketsFor(own),
    port: { wanted: RESOLVER_PORT, other: false },
    mark: 0,
    netns,
    room,
    keep,
  });
  return {
    place: {
      flags: targetFlags.ownNetns | (without === null ? targetFlags.backstop : 0),
      resolver: { address: constantAddress('127.0.0.1'), port: sockets.port },
      mark: 0,
      uplinks: uplinks.slice(0, MAX_UPLINKS).map(({ index }) => index),
      own: own.slice(0, MAX_OWN),
    },
    withoutBackstop: without,
    take: sockets.take,
    async engage() {
      const names = uplinks.map(({ name }) => name);
      const lead = async () => {
        await applyRules(netns, redirectRules(names, own[0] ?? null));
        // Flows of before the redirect pass it by; later ones are led by what would be forgotten here.
        if (!engaged) await native().forgetFlows(netns, 53);
      };
      await allDone([...ends.map((index) => kernel.attachBackstop(index, slot)), lead()]);
    },
    close: sockets.close,
    forget() {
      for (const index of ends) kernel.forgetUplink(index);
    },
  };
}

/** What our own namespace has for the number that a link gives for its other end. */
async function otherEnd({ end, index, peer }: Interface): Promise<Interface | undefined> {
  if (end === undefined) return await native().ownInterface(peer);
  return { index: end, peer: index, name: '', kind: 'veth' };
}

/** Nested containers' queries go to an address of the namespace's own: loopback takes none from a bridge. */
function nestedTo(own: readonly number[]): string | null {
  return own[0] === undefined ? null : formatAddress(own[0]);
}

/**
 * UDP sockets are bound to the address that queries are led to: an answer from any other would not find
 * its way back through the NAT.
 */
function socketsFor(own: readonly number[]): SocketPlan['sockets'] {
  const nested = nestedTo(own);
  return [
    { kind: 'udp', address: '127.0.0.1' },
    ...(nested === null ? [] : [{ kind: 'udp', address: nested } as const]),
    { kind: 'udp6', address: '::1' },
    { kind: 'tcp', address: '0.0.0.0' },
    { kind: 'tcp6', address: '::1' },
  ];
}

/**
 * The machine's ends of the namespace's links, if each of them has one that the backstop can stand at. `others`: for
 * each, our own namespace's link of the number that it gives for its other end.
 */
export function hostEnds(
  uplinks: readonly Interface[],
  others: readonly (Interface | undefined)[],
): { readonly ends: readonly number[]; readonly without: string | null } {
  if (uplinks.length === 0) {
    return { ends: [], without: 'no link leads out of the namespace' };
  }
  if (uplinks.length > MAX_UPLINKS) {
    return { ends: [], without: `the namespace has more than ${MAX_UPLINKS} links` };
  }
  const ends: number[] = [];
  for (const [at, uplink] of uplinks.entries()) {
    const end = uplink.kind === 'veth' ? others[at] : undefined;
    if (end?.kind !== 'veth' || end.peer !== uplink.index) {
      const kind = uplink.kind || 'a device';
      return { ends: [], without: `${uplink.name} is ${kind} without an end on this machine` };
    }
    ends.push(end.index);
  }
  return { ends, without: null };
}
