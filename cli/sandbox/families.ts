/**
 * Socket families that a command may use. The kernel's cgroup hooks see INET and INET6 only, so every
 * other family that leaves the host, or reaches a device, is refused by the system call filter.
 */
import { failure } from '#api/error.ts';

import { errors } from './errors.ts';

/** Numbers of include/linux/socket.h, and what an opened family lets past. */
const families = {
  UNIX: { number: 1, opens: 'sockets of this host' },
  INET: { number: 2, opens: 'IPv4' },
  AX25: { number: 3, opens: 'amateur radio networks, which no rule sees' },
  IPX: { number: 4, opens: 'IPX networks, which no rule sees' },
  INET6: { number: 10, opens: 'IPv6' },
  NETLINK: { number: 16, opens: 'questions to the kernel about its network' },
  PACKET: { number: 17, opens: 'whole network frames, which no rule sees' },
  RDS: { number: 21, opens: 'RDS networks, which no rule sees' },
  CAN: { number: 29, opens: 'CAN buses, which no rule sees' },
  TIPC: { number: 30, opens: 'TIPC networks, which no rule sees' },
  BLUETOOTH: { number: 31, opens: 'Bluetooth, which no rule sees' },
  ALG: { number: 38, opens: "the kernel's cryptography" },
  VSOCK: { number: 40, opens: 'the hypervisor and virtual machines, which no rule sees' },
  QIPCRTR: { number: 42, opens: 'the modem, which no rule sees' },
  SMC: { number: 43, opens: 'SMC connections, which no rule sees' },
  XDP: { number: 44, opens: 'whole network frames, which no rule sees' },
} as const;
export type Family = keyof typeof families;

export const defaultFamilies: readonly Family[] = ['UNIX', 'INET', 'INET6', 'NETLINK'];

/** Accepts `VSOCK`, `vsock` and `AF_VSOCK`. @throws TW_RUN_ALLOW_FAMILY */
export function parseFamily(text: string): Family {
  const wanted = text.toUpperCase().replace(/^AF_/, '');
  if (!Object.hasOwn(families, wanted)) {
    throw failure(errors.allowFamily, { name: text, known: Object.keys(families).join(', ') });
  }
  return wanted as Family;
}

export function familyNumber(family: Family): number {
  return families[family].number;
}

/** What a flag that allows the family opens, for a sentence. */
export function familyOpens(family: Family): string {
  return families[family].opens;
}
