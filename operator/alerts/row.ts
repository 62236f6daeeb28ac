/** What an alert is about: attempts of a job at one destination. Its fields have the names of the project's row. */
import { createHash } from 'node:crypto';
import { shownText, valueText } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';

export interface AlertRow {
  /** Of the group: the same job and destination have the same. */
  readonly id: string;
  readonly action: 'block' | 'observe';
  readonly project_id: string | null;
  readonly job_name: string | null;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  /** Of the process that tried last. */
  readonly comm: string | null;
  readonly parent_comm: string | null;
  readonly exe: string | null;
  readonly domain: string | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly protocol: string | null;
  readonly reason: string;
  readonly rule: string;
  readonly policy: string | null;
  /** Attempts since the group was opened. */
  readonly count: number;
  readonly first_seen: string;
  readonly last_seen: string;
  /** Where a person looks first, on the GitLab of the binding; null where nothing is known. */
  readonly job_url: string | null;
}

/** Characters of one value that are shown. */
const LONGEST = 200;

const text = (value: string): string => {
  const shown = shownText(value);
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST - 3)}...` : shown;
};
const orNull = (value: string | null): string | null => (value === null ? null : text(value));

/** As receivers read it, whatever a node has sent. */
function timeText(time: string): string {
  const moment = Date.parse(time);
  return new Date(Number.isNaN(moment) ? 0 : moment).toISOString();
}

/** Which group an attempt belongs to. Beyond the budget of rows, all destinations of a job are one. */
export function groupOf({ action, project_id, job_name, domain, ip, port, protocol }: EgressEvent) {
  const key = JSON.stringify([action, project_id, job_name, domain ?? ip, port, protocol]);
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}

/** @param event one that refuses */
export function rowOf(event: EgressEvent, id: string, url: string | null): AlertRow {
  return {
    id,
    action: event.action === 'observe' ? 'observe' : 'block',
    project_id: orNull(event.project_id),
    job_name: orNull(event.job_name),
    namespace: orNull(event.namespace),
    pod: orNull(event.pod),
    container: orNull(event.container),
    comm: orNull(event.comm),
    parent_comm: orNull(event.parent_comm),
    exe: orNull(event.exe),
    domain: orNull(event.domain),
    ip: orNull(event.ip),
    port: event.port,
    protocol: event.protocol,
    reason: event.reason,
    rule: text(event.rule),
    policy: orNull(event.policy),
    count: Math.max(0, event.added ?? event.count),
    first_seen: timeText(event.time),
    last_seen: timeText(event.last_seen),
    job_url: url,
  };
}

/** The same group after another attempt: who tried last is shown. */
export function together(before: AlertRow, after: AlertRow): AlertRow {
  const [first_seen = ''] = [before.first_seen, after.first_seen].sort();
  const [, last_seen = ''] = [before.last_seen, after.last_seen].sort();
  return { ...after, first_seen, last_seen, count: before.count + after.count };
}

/** @example 'evil.example:8000/tcp' */
export function destinationText({ domain, ip, port, protocol }: AlertRow): string {
  const host = domain ?? ip;
  if (host === null) return 'other destinations';
  if (port === null) return host;
  return `${host.includes(':') ? `[${host}]` : host}:${port}${protocol === null ? '' : `/${protocol}`}`;
}

const shownFields = [
  ...(['project_id', 'job_name', 'comm', 'parent_comm', 'exe', 'action', 'domain', 'ip'] as const),
  ...(['port', 'protocol', 'count', 'reason', 'rule', 'namespace', 'pod', 'container'] as const),
  ...(['first_seen', 'last_seen'] as const),
] as const;

/** The row in one line of `name=value`, in which no value can begin another one. */
export function rowLine(row: AlertRow): string {
  return shownFields
    .filter((field) => row[field] !== null)
    .map((field) => `${field}=${valueText(String(row[field]))}`)
    .join(' ');
}
