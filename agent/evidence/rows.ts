/**
 * Rows of evidence of one target: what the kernel allowed and refused (or would have), and the same of
 * lookups. A row stands for (process, destination, reason, rule) and counts. Rows are joined only by
 * identity: a name that was resolved and a connection to an address that this target had from that very
 * name, by the same process, are one row.
 */
import { isIPv4 } from 'node:net';
import { escapeText } from '#api/escape.ts';
import type { EgressEvent, Reason } from '#api/event.ts';
import { maskEvent } from '#api/mask.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { rowKey } from '#bpf/layout.ts';
import type { EventRecord, ProcessRecord, RowKey } from '#bpf/records.ts';
import type { AllowedQuery, Client, RefusedQuery } from '#dns/ports.ts';
import { constantAddress, formatAddress } from '#policy/cidr.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { Drafts } from './drafts.ts';
import { count, countedOf, type Entry, partsOf } from './entry.ts';
import { identity, rowId } from './identity.ts';
import { nameContainer, type PartName, Parts } from './parts.ts';
import { SearchEndings } from './search-endings.ts';
import type { Part, ToldRow } from './told-row.ts';

export type TargetLabels = Pick<
  EgressEvent,
  'target' | 'namespace' | 'pod' | 'project_id' | 'job_name'
> &
  Partial<Pick<EgressEvent, 'job_url'>>;

export interface RowParts {
  readonly kernel: Pick<Kernel, 'row' | 'rowKeys' | 'process' | 'asker' | 'partName'>;
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
  /** Whose cgroup below the target's is called so: a container's name, where the target is a pod. */
  partName?(cgroup: string): PartName;
  /** How much of a row of the kernel outputs were told by processes before this one; without, nothing. */
  toldOf?(row: Buffer): number;
  /** Told once per row, as it happens. */
  onRow(event: EgressEvent, parts: readonly Part[]): void;
}

/** A row as it would begin: what an entry is made of. */
interface Draft {
  readonly event: EgressEvent;
  readonly start: bigint;
  readonly container: PartName;
  /** The kernel's row that it stands for, and how much of it was told; a look-up stands for none. */
  readonly of?: { readonly row: string; readonly told: number };
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
  readonly #resolved: AllowedQuery[] = [];
  readonly #searches: SearchEndings<Entry>;
  readonly #containers: Parts;
  readonly #drafts: Drafts;

  constructor(parts: RowParts) {
    this.#parts = parts;
    this.#containers = new Parts(parts.kernel, parts.partName?.bind(parts));
    this.#drafts = new Drafts(parts);
    this.#searches = new SearchEndings(parts.searches ?? []);
  }

  /** New rows of the kernel. */
  add(events: readonly EventRecord[]): void {
    this.settle();
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
    this.settle();
    const action = query.resolved ? 'observe' : 'block';
    const draft = this.#lookup(query, action, query.reason, query.address);
    const { event, start } = draft;
    if (!this.#entries.has(rowId(event.target, identity(event, start, true)))) {
      if (this.#lookups >= LOOKUP_BUDGET) {
        this.overflow++;
        return;
      }
      this.#lookups++;
    }
    this.#takeEndings(event, start);
    const ending = this.#searches.end(query.name);
    const entry = this.#entry(draft, { waiting: query.resolved || ending });
    if (ending && entry.waiting) this.#awaitBareName(entry);
    this.#again(entry, String(query.type));
  }

  /**
   * A name that was resolved as a rule says; it waits for the connection that is likely to follow. Who asked
   * is looked up once the answer is on its way, which cannot be before this returns.
   */
  allowed(query: AllowedQuery): void {
    this.#resolved.push(query);
    if (this.#resolved.length === 1) setImmediate(() => this.settle());
  }

  /** Rows of what was resolved until now; rules are read by the policy that is in force. */
  settle(): void {
    for (const query of this.#resolved.splice(0)) this.#allowed(query);
  }

  #allowed(query: AllowedQuery): void {
    const draft = this.#lookup(query, 'allow', 'name', null);
    this.#takeEndings(draft.event, draft.start);
    this.#again(this.#entry(draft, { waiting: true }), 'A');
  }

  /**
   * All rows with their final counts; `added` is what of that was never told. What lost its event is found in the
   * kernel's own table, and told first.
   */
  finish(): ToldRow[] {
    this.find();
    const rows: ToldRow[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.merged) continue;
      this.#tell(entry);
      rows.push(this.#last(entry));
    }
    return rows;
  }

  /** What stands in the kernel's own table: of a process before this one, or without an event. */
  find(): void {
    this.settle();
    const processes = new Map<string, ProcessRecord | undefined>();
    for (const raw of this.#parts.kernel.rowKeys(this.#parts.target.spec.id)) {
      const row = this.#parts.kernel.row(raw);
      if (!row) continue;
      const key = rowKey.read(raw);
      const who = `${key.pid}/${key.start}`;
      if (!processes.has(who)) processes.set(who, this.#parts.kernel.process(key.pid, key.start));
      const process = processes.get(who);
      this.#addKernelRow({ raw, key, process, ...row, times: Number(row.count) });
    }
  }

  /** Resolves when all that was to be told first has been told. */
  async said(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ saying }) => saying));
  }

  /** Rows that have happened more often than was told. What waits goes on waiting. */
  grown(): ToldRow[] {
    this.settle();
    for (const [id, entry] of this.#seen) {
      const row = this.#parts.kernel.row(Buffer.from(id, 'latin1'));
      if (row) count(entry, id, Number(row.count), this.#parts.wallTime(row.last));
    }
    return [...this.#entries.values()]
      .filter(({ waiting, merged, saying }) => !waiting && !merged && saying === undefined)
      .filter(({ event, told }) => event.count > told)
      .map((entry) => this.#last(entry));
  }

  #last(entry: Entry): ToldRow {
    const { event, told } = entry;
    entry.told = event.count;
    const parts = partsOf(entry);
    return { event: maskEvent({ ...event, added: Math.max(0, event.count - told) }), parts };
  }

  /** One that waited. */
  #tell(entry: Entry): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    const count = entry.event.count;
    entry.told = count;
    this.#say(entry, [], () => ({ ...entry.event, count, added: count }));
  }

  /** As soon as it is known which container it is of. Rows leave this table masked, here and in `finish`. */
  #say(entry: Entry, parts: readonly Part[], event: () => EgressEvent): void {
    const say = () => {
      entry.saying = undefined;
      this.#parts.onRow(maskEvent(event()), parts);
    };
    if (entry.naming === undefined) say();
    else entry.saying = entry.naming.then(say);
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
  ): Draft {
    const { kernel, target, now } = this.#parts;
    const { address: from, port, transport } = query.client;
    const proto = transport === 'tcp' ? 6 : 17;
    // The kernel knows who asked by IPv4 alone.
    const asker = isIPv4(from)
      ? kernel.asker(target.spec.id, constantAddress(from), port, proto)
      : undefined;
    const process = asker && kernel.process(asker.pid, asker.start);
    const event: EgressEvent = {
      ...this.#drafts.base(process, now()),
      action,
      domain: escapeText(query.name),
      ip: address === null ? null : formatAddress(address),
      port: null,
      protocol: null,
      reason,
      ...this.#drafts.rule(target.policy, query.rule, reason),
    };
    const container = this.#containerOf(process);
    return { event, start: asker?.start ?? 0n, container };
  }

  #again(entry: Entry, type: string): void {
    count(entry, type, countedOf(entry, type).count + 1, this.#parts.now());
  }

  #addKernelRow(seen: Seen): void {
    const id = seen.raw.toString('latin1');
    let entry = this.#seen.get(id);
    if (!entry) {
      const event = this.#drafts.ofKernel(seen.key, seen.process, this.#parts.wallTime(seen.first));
      const container = this.#containerOf(seen.process);
      const of = { row: id, told: this.#parts.toldOf?.(seen.raw) ?? 0 };
      entry = this.#entry({ event, start: seen.key.start, container, of });
      this.#seen.set(id, entry);
      if (seen.key.passed) this.#takeLookups(entry);
    }
    count(entry, id, seen.times, this.#parts.wallTime(seen.last));
  }

  #containerOf(process: ProcessRecord | undefined): PartName {
    return process === undefined ? null : this.#containers.of(process);
  }

  #entry({ event, start, container, of }: Draft, asked?: { readonly waiting: boolean }): Entry {
    const lookup = asked !== undefined;
    const id = rowId(event.target, identity(event, start, lookup));
    const known = this.#entries.get(id);
    if (known) return of ? this.#join(known, of) : known;
    event.id = id;
    const { waiting = false } = asked ?? {};
    const naming = nameContainer(event, container);
    const entry: Entry = {
      ...{ event, start, counts: [], lookup, waiting, merged: false, naming, saying: undefined },
      told: 0,
    };
    this.#entries.set(id, entry);
    if (of) this.#join(entry, of);
    if (waiting || entry.told > 0) return entry;
    entry.told = 1;
    if (of) countedOf(entry, of.row).told = 1;
    const parts = of ? [{ row: of.row, from: 0, to: 1 }] : [];
    this.#say(entry, parts, () => ({ ...event, count: 1, added: 1 }));
    return entry;
  }

  /** One more row of the kernel is a part of this one. */
  #join(entry: Entry, { row, told }: { readonly row: string; readonly told: number }): Entry {
    entry.told += told;
    countedOf(entry, row).told = told;
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

function askerOf({ pid }: EgressEvent, start: bigint): string {
  return `${pid}/${start}`;
}
