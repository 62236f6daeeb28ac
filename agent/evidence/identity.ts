/** What makes a row the same row, and its name. */
import { hash } from 'node:crypto';
import type { EgressEvent } from '#api/event.ts';

/** Rows with the same identity are one row. */
export function identity(
  event: EgressEvent,
  start: bigint,
  lookup: boolean,
  number?: number,
): string {
  const { pid, domain, ip, port, protocol, reason, rule, action } = event;
  return JSON.stringify([
    lookup,
    pid,
    String(start),
    domain,
    ip,
    port,
    protocol,
    reason,
    rule,
    action,
    ...(number === undefined ? [] : [number]),
  ]);
}

/** The same whoever makes it, and whenever: another agent says of the same row the same. */
export function rowId(target: string, identity: string): string {
  return hash('sha256', `${target}\n${identity}`, 'base64url').slice(0, LENGTH);
}

/** 132 bits are enough for all rows that there will ever be. */
const LENGTH = 22;
