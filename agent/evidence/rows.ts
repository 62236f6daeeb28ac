/**
 * Rows of evidence of one target: what the kernel allowed and refused (or would have), and the same of
 * lookups. A row stands for (process, destination, reason, rule) and counts. Rows are joined only by
 * identity: a name that was resolved and a connection to an address that this target had from that very
 * name, by the same process, are one row.
 */
import { isIPv4 } from 'node:net';
import { escapeText } from '#api/escape.ts';
import { allowedReasons, type EgressEvent, type Reason, reasons } from '#api/event.ts';
import type { EventRecord, Kernel, ProcessRecord, RowKey } from '#bpf/kernel.ts';
import { hooks, rowKey } from '#bpf/layout.ts';
import type { AllowedQuery, Client, RefusedQuery } from '#dns/ports.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import { constantAddress, formatAddress } from '#policy/cidr.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { processFields, unknownProcess } from './process.ts';
import { SearchEndings } from './search-endings.ts';

export type TargetLabels = Pick<
  EgressEvent,
  'target' | 'namespace' | 'pod' | 'project_id' | 'job_name'
>;

export interface RowParts {
  readonly kernel: Pick<Kernel, 'row' | 'rowKeys' | 'process' | 'asker'>;
  readonly target: {
    readonly spec: { readonly id: number };
    readonly policy: CompiledPolicy;
    readonly names: { nameOf(id: number): string | null };
    policyOf(table: number): CompiledPolicy | undefined;
  };
  /** What every row says of its target. */
  readonly labels: TargetLabels;
  /** Endings that the target's resolvers try with each name (resolv.conf(5), search), in lower case. */
  readonly searches?: readonly string[];
  /** Wall time, ms. */
  now(): number;
  /** Wall time in ms of a moment given in ns of CLOCK_BOOTTIME. */
  wallTime(boot: bigint): number;
  outside(pid: number): boolean;
  /** Told once per row, as it happens. */
  onRow(event: EgressEvent): void;
}

interface Entry {
  readonly event: EgressEvent;
  /** With the pid, the identity of the process. */
  readonly start: bigint;
  /** Count of each kernel row, or of each query type, that this row is made of. */
  readonly counts: Map<string, number>;
  /** A look-up: queries of several types are one attempt. */
  readonly lookup: boolean;
  /** The name was resolved: not told yet, a connection to it may follow. */
  waiting: boolean;
  /** A connection's row took this one's place. */
  merged: boolean;
}

/** Refused before the ports were looked for, or where there are none. */
const portless: ReadonlySet<Reason> = new Set(['malformed', 'fragment', 'ip-options']);

/** Its number means nothing without the policy, which an agent before this one had. */
const FORMER_RULE = 'a policy before a restart';

function portOf({ proto, port }: RowKey, reason: Reason): number | null {
  return (proto === 6 || proto === 17) && !portless.has(reason) ? port : null;
}

/** Rows of refused lookups that one target may have; names are cheap to make up. */
export const LOOKUP_BUDGET = 1024;

export class RowTable {
  /** Refused lookups beyond the budget, counted exactly. */
  overflow = 0;
  #lookups = 0;
  readonly #parts: RowParts;
  readonly #entries = new Map<string, Entry>();
  readonly #seen = new Map<string, Entry>();
  readonly #searches: SearchEndings<Entry>;

  constructor(parts: RowParts) {
    this.#parts = parts;
    this.#searches = new SearchEndings(parts.searches ?? []);
  }

  /** New rows of the kernel. */
  add(events: readonly EventRecord[]): void {
    for (const e of events) {
      const key = e.row[0];
      if (!key || key.target !== this.#parts.target.spec.id) continue;
      const process = e.has_process ? e.process[0] : undefined;
      this.#addKernelRow({
        raw: rowKey.write(key),
        key,
        process,
        first: e.time,
        last: e.time,
        times: 1,
      });
    }
  }

  /** A lookup that was refused, or that Block would have refused. */
  refused(query: RefusedQuery): void {
    const action = query.resolved ? 'observe' : 'block';
    const { event, start } = this.#lookup(query, action, query.reason, query.address);
    if (!this.#entries.has(identity(event, start, true))) {
      if (this.#lookups >= LOOKUP_BUDGET) {
        this.overflow++;
        return;
      }
      this.#lookups++;
    }
    this.#takeEndings(event, start);
    const ending = this.#searches.end(query.name);
    const entry = this.#entry(event, start, true, query.resolved || ending);
    if (ending && entry.waiting) this.#awaitBareName(entry);
    this.#again(entry, String(query.type));
  }

  /** A name that was resolved as a rule says; it waits for the connection that is likely to follow. */
  allowed(query: AllowedQuery): void {
    const { event, start } = this.#lookup(query, 'allow', 'name', null);
    this.#takeEndings(event, start);
    this.#again(this.#entry(event, start, true, true), 'A');
  }

  /** All rows with their final counts. What lost its event is found in the kernel's own table. */
  finish(): EgressEvent[] {
    for (const raw of this.#parts.kernel.rowKeys()) {
      const row = this.#parts.kernel.row(raw);
      const key = rowKey.read(raw);
      if (!row || key.target !== this.#parts.target.spec.id) continue;
      const process = this.#parts.kernel.process(key.pid, key.start);
      this.#addKernelRow({ raw, key, process, ...row, times: Number(row.count) });
    }
    const rows: EgressEvent[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.merged) continue;
      this.#tell(entry);
      rows.push(entry.event);
    }
    return rows;
  }

  /** One that waited. */
  #tell(entry: Entry): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    this.#parts.onRow(entry.event);
  }

  /** In Observe it waits for a connection as well, and as long as one takes. */
  #awaitBareName(entry: Entry): void {
    const { event, start } = entry;
    this.#searches.wait(askerOf(event, start), event.domain ?? '', entry, () => {
      if (event.action === 'block') this.#tell(entry);
    });
  }

  /** The row of the bare name says all that those of its endings said. */
  #takeEndings(event: EgressEvent, start: bigint): void {
    for (const entry of this.#searches.take(askerOf(event, start), event.domain ?? '')) {
      entry.merged = true;
      entry.waiting = false;
    }
  }

  #lookup(
    query: { name: string; rule: number; client: Client },
    action: EgressEvent['action'],
    reason: Reason,
    address: number | null,
  ): { event: EgressEvent; start: bigint } {
    const { kernel, target, now } = this.#parts;
    const { address: from, port, transport } = query.client;
    const proto = transport === 'tcp' ? 6 : 17;
    // The kernel knows who asked by IPv4 alone.
    const asker = isIPv4(from)
      ? kernel.asker(target.spec.id, constantAddress(from), port, proto)
      : undefined;
    const process = asker && kernel.process(asker.pid, asker.start);
    const event: EgressEvent = {
      ...this.#base(process, now()),
      action,
      domain: escapeText(query.name),
      ip: address === null ? null : formatAddress(address),
      port: null,
      protocol: null,
      reason,
      ...this.#rule(target.policy, query.rule, reason),
    };
    return { event, start: asker?.start ?? 0n };
  }

  #again(entry: Entry, type: string): void {
    count(entry, type, (entry.counts.get(type) ?? 0) + 1, this.#parts.now());
  }

  #addKernelRow(seen: Seen): void {
    const id = seen.raw.toString('latin1');
    let entry = this.#seen.get(id);
    if (!entry) {
      const event = this.#kernelEvent(seen.key, seen.process, this.#parts.wallTime(seen.first));
      entry = this.#entry(event, seen.key.start, false, false);
      this.#seen.set(id, entry);
      if (seen.key.passed) this.#takeLookups(entry);
    }
    count(entry, id, seen.times, this.#parts.wallTime(seen.last));
  }

  #kernelEvent(key: RowKey, process: ProcessRecord | undefined, time: number): EgressEvent {
    const { target } = this.#parts;
    const reason = reasons[key.reason] ?? 'none';
    const name = key.name ? target.names.nameOf(key.name) : null;
    const anywhere = key.hook === hooks.indexOf('any');
    return {
      ...this.#base(process, time),
      pid: process?.pid ?? (key.pid || null),
      action: actionOf(reason, key.passed),
      domain: name === null ? null : escapeText(name),
      ip: anywhere ? null : formatIp(key.addr),
      port: anywhere ? null : portOf(key, reason),
      protocol: protocolNames.get(key.proto) ?? 'other',
      reason,
      ...this.#rule(target.policyOf(key.table), key.rule, reason),
    };
  }

  #base(process: ProcessRecord | undefined, time: number) {
    const at = new Date(time).toISOString();
    const who = process ? processFields(process, this.#parts.outside) : unknownProcess;
    return {
      version: 1 as const,
      time: at,
      last_seen: at,
      ...this.#parts.labels,
      ...who,
      count: 0,
    };
  }

  #rule(
    policy: CompiledPolicy | undefined,
    index: number,
    reason: Reason,
  ): Pick<EgressEvent, 'rule' | 'policy'> {
    if (index > 0 && policy === undefined) return { rule: FORMER_RULE, policy: null };
    const rule = policy?.rules[index];
    if (index > 0 && rule) return { rule: rule.name, policy: rule.policy || null };
    return { rule: ruleOfReason(reason), policy: null };
  }

  #entry(event: EgressEvent, start: bigint, lookup: boolean, waiting: boolean): Entry {
    const id = identity(event, start, lookup);
    const known = this.#entries.get(id);
    if (known) return known;
    const entry: Entry = { event, start, counts: new Map(), lookup, waiting, merged: false };
    this.#entries.set(id, entry);
    if (!waiting) this.#parts.onRow({ ...event, count: 1 });
    return entry;
  }

  /** The connection's row says all that its name's look-up said. */
  #takeLookups({ event, start }: Entry): void {
    if (event.domain === null) return;
    for (const entry of this.#entries.values()) {
      const { domain, pid } = entry.event;
      if (!entry.waiting || domain !== event.domain) continue;
      if (pid !== event.pid || entry.start !== start) continue;
      entry.merged = true;
      entry.waiting = false;
    }
  }
}

/** A row as the kernel has it, or its event. */
interface Seen {
  readonly raw: Buffer;
  readonly key: RowKey;
  readonly process: ProcessRecord | undefined;
  /** ns of CLOCK_BOOTTIME. */
  readonly first: bigint;
  readonly last: bigint;
  readonly times: number;
}

/** Rows with the same identity are one row. */
function identity(event: EgressEvent, start: bigint, lookup: boolean): string {
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
  ]);
}

function askerOf({ pid }: EgressEvent, start: bigint): string {
  return `${pid}/${start}`;
}

/** Sets how often one part of a row happened. Types of a look-up are one attempt, so the most counts. */
function count(entry: Entry, part: string, times: number, lastSeen: number): void {
  entry.counts.set(part, Math.max(times, entry.counts.get(part) ?? 0));
  const counts = [...entry.counts.values()];
  entry.event.count = entry.lookup ? Math.max(...counts) : counts.reduce((a, b) => a + b, 0);
  const at = new Date(lastSeen).toISOString();
  if (at > entry.event.last_seen) entry.event.last_seen = at;
}

function actionOf(reason: Reason, passed: number): EgressEvent['action'] {
  if (allowedReasons.has(reason)) return 'allow';
  return passed ? 'observe' : 'block';
}

/** By IANA number. */
const protocolNames: ReadonlyMap<number, 'tcp' | 'udp' | 'icmp'> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
]);

/** What a row names where no rule of the policy decided. */
function ruleOfReason(reason: Reason): string {
  return alwaysDeniedReasons.has(reason) ? 'always denied' : 'default';
}

function formatIp(bytes: Buffer): string {
  const mapped = bytes.readUInt32BE(8) === 0xffff && bytes.readBigUInt64BE(0) === 0n;
  if (mapped) return formatAddress(bytes.readUInt32BE(12));
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
