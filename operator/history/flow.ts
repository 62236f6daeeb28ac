/**
 * What a run of a job reached or tried to: rows of evidence, added up over processes of the same name and over what
 * an address is when it has a name. So a run that starts `curl` a thousand times is one flow.
 */
import { shownText } from '#api/escape.ts';
import type { EgressEvent, Reason } from '#api/event.ts';
import { parseAddress, rangeKind } from '#policy/cidr.ts';

/** One job as it ran once. */
export interface RunKey {
  readonly project: string;
  /** Empty where nobody knows it. */
  readonly job: string;
  /** Of the target. */
  readonly run: string;
  readonly namespace: string;
  readonly pod: string;
}

/** What makes two rows one flow. */
export interface FlowKey {
  readonly action: EgressEvent['action'];
  readonly domain: string | null;
  /** With a domain only where the address is a private one: others change from day to day. */
  readonly ip: string | null;
  readonly port: number | null;
  readonly protocol: EgressEvent['protocol'];
  readonly reason: Reason;
  readonly rule: string;
  readonly policy: string | null;
  readonly comm: string | null;
  readonly exe: string | null;
  /** Names of ancestors, oldest first. */
  readonly ancestry: readonly string[];
}

export interface Flow extends FlowKey {
  readonly count: number;
  /** ms since 1970. */
  readonly first: number;
  readonly last: number;
}

/** Characters of texts, and names of ancestors. Rows of agents are smaller; a node that is taken over says anything. */
const LONGEST = { id: 128, name: 1024, path: 512 } as const;
const ANCESTORS = 16;

/** Printable ASCII: every database takes it, and every index has room for it. */
function text(value: string, longest: number): string {
  return shownText(value).slice(0, longest);
}

function orNull(value: string | null, longest: number = LONGEST.path): string | null {
  return value === null ? null : text(value, longest);
}

/** Null for rows that belong to no job: nobody could ask for them. */
export function runOf({
  project_id,
  job_name,
  target,
  namespace,
  pod,
}: EgressEvent): RunKey | null {
  if (project_id === null) return null;
  return {
    project: text(project_id, LONGEST.id),
    job: text(job_name ?? '', LONGEST.name),
    run: text(target, LONGEST.id),
    namespace: text(namespace ?? '', LONGEST.id),
    pod: text(pod ?? '', LONGEST.path),
  };
}

/** @param now wall time, ms: nothing has happened later */
export function flowOf(event: EgressEvent, now: number): Flow {
  const { domain, ip, ancestry } = event;
  const last = momentOf(event.last_seen, now);
  return {
    action: event.action,
    domain: orNull(domain),
    ip: domain === null || isInside(ip) ? orNull(ip) : null,
    port: event.port,
    protocol: event.protocol,
    reason: event.reason,
    rule: text(event.rule, LONGEST.path),
    policy: orNull(event.policy),
    comm: orNull(event.comm),
    exe: orNull(event.exe),
    ancestry: ancestry.slice(-ANCESTORS).map(({ comm }) => text(comm, LONGEST.id)),
    count: Math.max(0, event.added ?? event.count),
    first: Math.min(momentOf(event.time, now), last),
    last,
  };
}

function momentOf(time: string, now: number): number {
  const moment = Date.parse(time);
  return Number.isNaN(moment) ? now : Math.min(Math.max(0, moment), now);
}

function isInside(ip: string | null): boolean {
  const address = ip === null ? null : parseAddress(ip);
  return typeof address === 'number' && rangeKind(address) !== null;
}

/** The same for flows that are one. */
export function flowText({ count: _, first: __, last: ___, ...key }: Flow): string {
  return JSON.stringify(key);
}

export function added(one: Flow, other: Flow): Flow {
  return {
    ...one,
    count: one.count + other.count,
    first: Math.min(one.first, other.first),
    last: Math.max(one.last, other.last),
  };
}
