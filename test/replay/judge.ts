/** Holds what a replay did against what its data says. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EgressEvent } from '#api/event.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import type { PolicySpec } from '../e2e/stage.ts';
import type { Received } from '../lab/servers/sink-process.ts';
import type { Row } from './incident.ts';
import { type JobDone, wormOf } from './job.ts';
import { namesAllowedBy } from './policies.ts';
import { holds, markOf } from './secrets.ts';
import type { World } from './world.ts';

/** `METHOD host/path` of a request; what came without HTTP by the address that was asked for. */
export function toldOf({ event, method, path, headers, to }: Received): string {
  return event === 'request' ? `${method} ${headers?.host}${path}` : `${event} ${to}`;
}

/** A row of data as one line, for comparing. */
export function expectedRow({ to, by, reason, count = 1 }: Row): string {
  const rule = alwaysDeniedReasons.has(reason) ? 'always denied' : 'default';
  return `block ${to} by ${by} because ${reason} (${rule}), ${count} times`;
}

export function toldRow(event: EgressEvent): string {
  const { action, domain, ip, port, protocol, reason, rule, count, ancestry, comm } = event;
  const address = ip === null ? '' : `${ip}:${port}${protocol === 'udp' ? '/udp' : ''}`;
  const to = [domain, address].filter(Boolean).join('@');
  const chain = [...ancestry.map((one) => one.comm), comm ?? '?'].map(program).join(' > ');
  // Some releases of npm start node-gyp by a shell script of their own.
  const by = chain.replace('sh > sh > node-gyp', 'sh > node-gyp');
  return `${action} ${to} by ${by} because ${reason} (${rule}), ${count} times`;
}

/**
 * Node.js 24 calls itself MainThread, interpreters carry their version, and npm's title goes on with as
 * much of its arguments as 15 bytes hold.
 */
function program(comm: string): string {
  return comm
    .replace(/^MainThread$/, 'node')
    .replace(/^python3\.\d+$/, 'python3')
    .replace(/^npm install .*$/, 'npm install');
}

/** Exactly these refusals; what was allowed is judged by where it arrived. */
export function assertRows(done: JobDone, tag: string, rows: readonly Row[]): void {
  const refused = done.events.filter(({ action }) => action !== 'allow');
  const told = refused.map(toldRow).sort();
  assert.deepEqual(told, rows.map(expectedRow).sort(), done.log);
  for (const event of done.events) {
    assert.deepEqual([event.project_id, event.job_name], ['4711', tag]);
  }
}

/** Exactly these requests, in any order. */
export function assertArrivals(done: JobDone, expected: readonly string[]): void {
  assert.deepEqual(done.requests.map(toldOf).sort(), [...expected].sort(), done.log);
}

/**
 * The upstream server was asked for names that the policy allows, and their addresses alone got packets.
 * Controls come last in a world, so nobody else has got any before.
 */
export function assertOnlyAllowed(
  { addressOf, lab }: World,
  { asked, touched }: JobDone,
  spec: PolicySpec,
): void {
  const names = new Set(namesAllowedBy(spec));
  assert.deepEqual(
    asked.filter((name) => !names.has(name)),
    [],
    'the upstream server was asked',
  );
  const single = (spec.allow ?? []).flatMap(({ cidr = [] }) => cidr);
  const addresses = new Set([
    lab.dnsAddress,
    ...[...names].map((name) => addressOf.get(name)),
    ...single.map((prefix) => prefix.replace(/\/32$/, '')),
  ]);
  assert.deepEqual(
    touched.filter((address) => !addresses.has(address)),
    [],
    'packets arrived',
  );
}

/** Requests that carry secrets of this run. */
export function carriers(done: JobDone, tag: string): Received[] {
  return done.requests.filter((request) => holds(JSON.stringify(request), markOf(tag)));
}

/** Not one byte of the run's secrets in any query of DNS. */
export function assertNotInDns(done: JobDone, tag: string): void {
  assert.ok(!holds(done.asked.join('\n'), markOf(tag)), done.asked.join('\n'));
}

export function assertLegitimatePart(done: JobDone, proof: string): void {
  assert.equal(done.code, 0, done.log);
  assert.ok(existsSync(join(done.folder, proof)), `${proof} is missing: ${done.log}`);
}

export function published({ registry }: World, tag: string): boolean {
  return registry.has(wormOf(tag));
}
