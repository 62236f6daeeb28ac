/**
 * The target shares a network namespace with others: the address hooks send port 53 to sockets on loopback that take
 * only packets with the target's mark, which its packet hook puts on them. No firewall rule is involved.
 */
import { randomInt } from 'node:crypto';
import { targetFlags } from '#bpf/layout.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { Redirect } from './redirect.ts';
import { openSockets } from './sockets.ts';

const LOOPBACK = '127.0.0.1';

/** `room`: bytes of queries that may wait. `netns`: the shared namespace, where it is not ours. */
export function redirectByHooks(room: number, netns = ''): Redirect {
  const mark = randomInt(1, 2 ** 31);
  const sockets = openSockets({
    sockets: [
      { kind: 'udp', address: LOOPBACK },
      { kind: 'tcp', address: LOOPBACK },
    ],
    port: 0,
    mark,
    netns,
    room,
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
    engage: () => undefined,
  };
}
