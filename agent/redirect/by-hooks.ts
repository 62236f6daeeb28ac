/**
 * The target shares a network namespace with others: the address hooks send port 53 to sockets on loopback that take
 * only packets with the target's mark, which its packet hook puts on them. No firewall rule is involved.
 */
import { randomInt } from 'node:crypto';
import { targetFlags } from '#bpf/layout.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { Redirect } from './redirect.ts';
import { openSockets, type SocketPlan } from './sockets.ts';

const LOOPBACK = '127.0.0.1';

export interface ResolverPlace {
  readonly port: number;
  readonly mark: number;
}

export interface HooksOptions {
  /** Path of the shared namespace, where it is not ours. */
  readonly netns: string;
  /** Bytes of queries that may wait. */
  readonly room: number;
  /** Where the target's queries go since a process before this one held it. */
  readonly before: ResolverPlace | undefined;
  readonly keep: SocketPlan['keep'];
}

export function redirectByHooks({ netns, room, before, keep }: HooksOptions): Redirect {
  const mark = before?.mark || randomInt(1, 2 ** 31);
  const sockets = openSockets({
    sockets: [
      { kind: 'udp', address: LOOPBACK },
      { kind: 'tcp', address: LOOPBACK },
    ],
    port: { wanted: before?.port ?? 0, other: true },
    mark,
    netns,
    room,
    keep,
  });
  return {
    place: {
      flags: targetFlags.redirect,
      resolver: { address: constantAddress(LOOPBACK), port: sockets.port },
      mark,
      uplinks: [],
      own: [],
    },
    take: sockets.take,
    close: sockets.close,
    engage: () => Promise.resolve(),
    forget: () => undefined,
  };
}
