/** How rows look on a terminal: a line as it happens, a table at the end. */
import type { EgressEvent } from '#api/event.ts';
import { printable } from '../policy/io.ts';
import { textTable } from '../table.ts';

const columns = [
  'job_name',
  'comm',
  'parent_comm',
  'ancestry',
  'action',
  'domain',
  'ip',
  'port',
  'count',
  'rule',
] as const;

/** What a reason says to whoever reads the row first; the rule's name stands where there is one. */
const reasonTexts: Partial<Record<EgressEvent['reason'], string>> = {
  default: 'default: no rule allows it',
  expired: 'default: the address expired',
  port: 'default: not on this port',
  'local-service': 'default: a service of this host',
  'dns-server': 'always: DNS only through Torwacht',
  dot: 'always: DNS over TLS',
  doh: 'always: DNS over HTTPS',
  metadata: 'always: cloud metadata',
  ipv6: 'always: IPv6',
  icmp: 'always: ICMP',
  protocol: 'always: only TCP and UDP',
  fragment: 'always: fragment',
  'ip-options': 'always: IP options',
  multicast: 'always: multicast or reserved',
  malformed: 'always: malformed packet',
  'dns-budget': 'always: too many DNS queries',
  'private-answer': 'default: answer points inside',
  cname: 'default: denied name in the answer',
  query: 'always: malformed query',
};

export interface Style {
  readonly colour: boolean;
}

const paint = (style: Style, code: number, text: string) =>
  style.colour ? `\x1b[${code}m${text}\x1b[0m` : text;

/**
 * What decided, for a person. A rule that allows can stand in a refused row (its name's answer pointed
 * inside, its address is metadata): then the reason is what the row must say.
 */
export function ruleText({ policy, rule, reason }: EgressEvent): string {
  const text = reasonTexts[reason];
  if (policy === null || text?.startsWith('always: ')) return text ?? rule;
  return text === undefined ? rule : `${rule}: ${text.replace(/^default: /, '')}`;
}

/** Text of someone's choice within a line: blanks that would look like the line's own are shown. */
const visible = (text: string, blanks: RegExp) =>
  printable(text).replaceAll(blanks, (found) => '\\x20'.repeat(found.length));

/** @example npm ci > sh > node */
export function ancestryText(event: EgressEvent): string {
  return event.ancestry.map((a) => a.comm).join(' > ');
}

function destination(event: EgressEvent): string {
  const { ip, port } = event;
  // No name that anyone may reach has a blank.
  const domain = event.domain === null ? null : visible(event.domain, / /g);
  // Beyond the budget of rows, a process has one for all its destinations.
  if (ip === null) return domain ?? 'other destinations';
  const address = port === null ? ip : ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  return domain === null ? address : `${domain} (${address})`;
}

/** One line for one row, told when it first happens. */
export function liveLine(event: EgressEvent, style: Style): string {
  const verb =
    event.action === 'block' ? paint(style, 31, 'blocked') : paint(style, 33, 'would block');
  const line = ancestryText(event);
  const who = `${event.comm ?? 'a process'}${event.pid === null ? '' : `[${event.pid}]`}`;
  const from = line === '' ? who : `${who}, started by ${line}`;
  return `torwacht: ${verb} ${paint(style, 1, destination(event))} for ${from} (${ruleText(event)})`;
}

function cells(event: EgressEvent): Record<(typeof columns)[number], string> {
  return {
    job_name: event.job_name ?? '-',
    comm: event.comm ?? '-',
    parent_comm: event.parent_comm ?? '-',
    ancestry: ancestryText(event) || '-',
    action: event.action,
    domain: event.domain ?? '-',
    ip: event.ip ?? '-',
    port: event.port === null ? '-' : String(event.port),
    count: String(event.count),
    rule: ruleText(event),
  };
}

/** Columns are two blanks apart, so no cell holds two. */
function ofOneColumn<Row extends Record<string, string>>(row: Row): Row {
  const entries = Object.entries(row).map(([name, text]) => [name, visible(text, / {2,}|^ | $/g)]);
  return Object.fromEntries(entries) as Row;
}

/** The rows under their field names; an empty string when there are none. */
export function table(events: readonly EgressEvent[], style: Style): string {
  const rows = events.map(cells).map(ofOneColumn);
  const texts = rows.map((row) => columns.map((column) => row[column]));
  return textTable(columns, texts, (head) => paint(style, 1, head));
}
