/**
 * Which capabilities (capabilities(7)) a command keeps. A command that must be root keeps what package
 * managers and build tools use on files and users; an ordinary user's command keeps none.
 */
import { readFileSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';

/** Numbers of include/uapi/linux/capability.h: the index is the bit. */
const names = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;
export type Capability = (typeof names)[number];

/** SETFCAP is not here: a file with capabilities in HOME would still have them after the sandbox. */
export const rootCapabilities: readonly Capability[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

/** With any of these the command could take the enforcement off; no flag gives them. */
const neverGiven: ReadonlyMap<Capability, string> = new Map([
  ['SYS_ADMIN', 'it can remount and unmount what the sandbox protects'],
  ['NET_ADMIN', 'it can change the routing and firewall of the whole host'],
  ['BPF', 'it can replace the programs that enforce the policy'],
  ['PERFMON', 'it can read kernel memory through tracing'],
  ['SYS_MODULE', 'it can load code into the kernel'],
  ['SYS_RAWIO', 'it can write to the memory of the kernel'],
  ['SYS_BOOT', 'it can replace the running kernel'],
  ['DAC_READ_SEARCH', 'it can open files outside the sandbox by their handle'],
  ['MKNOD', 'it can make a device file for the disk'],
  ['MAC_ADMIN', 'it can change the security policy of the host'],
  ['MAC_OVERRIDE', 'it can step around the security policy of the host'],
  ['CHECKPOINT_RESTORE', 'it can choose process ids and read the memory maps of others'],
  ['SETPCAP', 'it can add capabilities to what the command starts'],
]);

/** Accepts `NET_RAW`, `net_raw` and `CAP_NET_RAW`. @throws TW_RUN_ALLOW_CAPABILITY */
export function parseCapability(text: string): Capability {
  const wanted = text.toUpperCase().replace(/^CAP_/, '');
  const name = names.find((known) => known === wanted);
  if (name === undefined) {
    throw failure(errors.allowCapability, { name: text, reason: 'there is none of that name' });
  }
  const reason = neverGiven.get(name);
  if (reason !== undefined) throw failure(errors.allowCapability, { name, reason });
  return name;
}

/** The capabilities in a mask of /proc/<pid>/status (CapBnd, CapPrm …). */
export function capabilitiesIn(mask: bigint): ReadonlySet<Capability> {
  return new Set(names.filter((_, bit) => (mask >> BigInt(bit)) & 1n));
}

/** What this process may pass on. */
export function ownCapabilities(): ReadonlySet<Capability> {
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return capabilitiesIn(BigInt(`0x${mask ?? '0'}`));
}
