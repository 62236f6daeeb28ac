/** Fields of a row that a kernel's row or a reason says by itself. */
import { allowedReasons, type EgressEvent, type Reason } from '#api/event.ts';
import type { RowKey } from '#bpf/records.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import { formatAddress } from '#policy/cidr.ts';

/** Refused before the ports were looked for, or where there are none. */
const portless: ReadonlySet<Reason> = new Set(['malformed', 'fragment', 'ip-options']);

export function portOf({ proto, port }: RowKey, reason: Reason): number | null {
  return (proto === 6 || proto === 17) && !portless.has(reason) ? port : null;
}

export function actionOf(reason: Reason, passed: number): EgressEvent['action'] {
  if (allowedReasons.has(reason)) return 'allow';
  return passed ? 'observe' : 'block';
}

/** By IANA number. */
export const protocolNames: ReadonlyMap<number, 'tcp' | 'udp' | 'icmp'> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
]);

/** What a row names where no rule of the policy decided. */
export function ruleOfReason(reason: Reason): string {
  return alwaysDeniedReasons.has(reason) ? 'always denied' : 'default';
}

export function formatIp(bytes: Buffer): string {
  const mapped = bytes.readUInt32BE(8) === 0xffff && bytes.readBigUInt64BE(0) === 0n;
  if (mapped) return formatAddress(bytes.readUInt32BE(12));
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
