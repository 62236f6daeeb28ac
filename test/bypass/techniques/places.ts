/** Addresses of the groups, and the row of a refusal there. */
import type { Reason } from '#api/event.ts';
import type { Record } from '../technique.ts';

/** Allowed on TCP 8000 and UDP 5000. */
export const GOOD = '192.0.2.20';
/** No rule names these; each attempt has one of its own. */
export const bad = (n: number): string => `198.51.100.${n}`;
export const bad6 = (n: number): string => `2001:db8:1::${n}`;

export const row = (reason: Reason, ip: string): Record => ({ row: { reason, ip } });
