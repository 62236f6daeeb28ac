/** The record of what was refused. */
import assert from 'node:assert/strict';
import type { EgressEvent } from '#api/event.ts';
import type { Row } from './technique.ts';

/** Is there such a row? @param told what else is known, for the message */
export function assertRow(events: readonly EgressEvent[], row: Row, told = ''): void {
  const wanted = Object.entries({ action: 'block', comm: 'probe', ...row }).filter(
    ([, value]) => value !== undefined,
  );
  const found = events.some((event) =>
    wanted.every(([field, value]) => event[field as keyof EgressEvent] === value),
  );
  const known = events.map(
    ({ action, comm, reason, domain, ip, port, protocol }) =>
      `${action} ${comm} ${reason} ${domain} ${ip}:${port} ${protocol}`,
  );
  assert.ok(
    found,
    `no row ${JSON.stringify(Object.fromEntries(wanted))} in\n${known.join('\n')}\n${told}`,
  );
}
