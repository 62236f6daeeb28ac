/**
 * Rows of evidence of one target: what the kernel allowed and refused (or would have), and the same of
 * lookups. A row stands for (process, destination, reason, rule) and counts. Rows are joined only by
 * identity: a name that was resolved and a connection to an address that this target had from that very
 * name, by the same process, are one row.
 */
import { isIPv4 } from 'node:net';
import { failure } from '#api/error.ts';
import { type EgressEvent, reasons } from '#api/event.ts';
import type { Kernel } from '#bpf/kernel.ts';
import { rowKey } from '#bpf/layout.ts';
import type { EventRecord, ProcessRecord, RowKey } from '#bpf/records.ts';
import type { AllowedQuery, Client, RefusedQuery } from '#dns/ports.ts';
import { constantAddress } from '#policy/cidr.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { errors } from '../errors.ts';
import { Book, type Draft } from './book.ts';
import { Drafts, type Looked } from './drafts.ts';
import { count, countedOf, type Entry } from './entry.ts';
import { type PartName, Parts } from './parts.ts';
import { type Begun, type LookupStore, RefusedLookups } from './refused-lookups.ts';
import { SearchEndings } from './search-endings.ts';
import type { Part, ToldRow } from './told-row.ts';

export type TargetLabels = Pick<
  EgressEvent,
  'target' | 'namespace' | 'pod' | 'project_id' | 'job_name'
> &
  Partial<Pick<EgressEvent, 'job_url'>>;

export interface RowParts {
  readonly kernel: Pick<Kernel, 'row' | 'rowKeys' | 'process' | 'asker' | 'partName'> & {
    readonly lookups?: LookupStore | undefined;
  };
  readonly target: {
    readonly spec: { readonly id: number };
    readonly policy: CompiledPolicy;
    readonly inForce: { readonly table: number };
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
  /** How much of a row outputs were told by processes before this one; without, nothing. */
  toldOf?(row: Buffer): number;
  /** Told of what could not be written down; it is counted all the same. */
  fault?(error: unknown): void;
  /** Told once per row, as it happens. */
  onRow(event: EgressEvent, parts: readonly Part[]): void;
}

export class RowTable {
  readonly #parts: RowParts;
  readonly #lookups: RefusedLookups;
  readonly #book: Book;
  readonly #seen = new Map<string, Entry>();
  readonly #resolved: AllowedQuery[] = [];
  readonly #searches: SearchEndings<Entry>;
  readonly #containers: Parts;
  readonly #drafts: Drafts;

  constructor(parts: RowParts) {
    this.#parts = parts;
    this.#containers = new Parts(parts.kernel, parts.partName?.bind(parts));
    this.#drafts = new Drafts(parts);
    this.#book = new Book((event, rows) => parts.onRow(event, rows));
    this.#searches = new SearchEndings(parts.searches ?? []);
    this.#lookups = new RefusedLookups({
      target: parts.target.spec.id,
      store: parts.kernel.lookups,
      full: (cause) => parts.fault?.(failure(errors.lookupsFull, {}, cause)),
    });
  }

  /** Refused lookups beyond what rows are kept for, counted exactly. */
  get overflow(): number {
    return this.#lookups.beyond;
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
    const { now, target } = this.#parts;
    const asker = this.#askerOf(query.client);
    const action = query.resolved ? 'observe' : 'block';
    const time = now();
    const looked = { ...query, action, policy: target.policy, asker, time } as const;
    const draft = this.#lookup(looked);
    let begun: Begun | undefined;
    if (!this.#book.has(draft)) {
      const { pid = 0, start = 0n } = asker ?? {};
      const asked = { pid, start, table: target.inForce.table, first: time };
      if (!this.#lookups.hasRoom(query, asked)) return;
      begun = this.#lookups.begin(query, asked);
    }
    this.#takeEndings(draft.event, draft.start);
    const entry = this.#asked(draft, query, begun);
    this.#again(entry, String(query.type));
    if (begun === undefined) this.#lookups.note(entry);
  }

  /** Refused lookups of processes before this one; once, and before `find`. */
  recall(): void {
    for (const { lookup, ...begun } of this.#lookups.recall()) {
      const { pid, start, passed, table, types, first, last } = lookup;
      const draft = this.#lookup({
        ...lookup,
        action: passed ? 'observe' : 'block',
        reason: reasons[lookup.reason] ?? 'none',
        policy: this.#parts.target.policyOf(table),
        asker: pid === 0 ? undefined : { pid, start },
        time: first,
      });
      const { number } = begun;
      const one = this.#book.has(draft) ? { ...draft, number } : draft;
      const entry = this.#asked(one, { name: lookup.name, resolved: passed }, begun);
      for (const { type, count: times } of types) count(entry, String(type), times, last);
      if (entry.waiting && this.#hasConnected(entry)) this.#merge(entry);
    }
  }

  /** One that may be followed by a connection, or by the bare name, waits for that. */
  #asked(
    draft: Draft,
    { name, resolved }: Pick<RefusedQuery, 'name' | 'resolved'>,
    begun: Begun | undefined,
  ): Entry {
    const ending = this.#searches.end(name);
    const row = begun?.row;
    const of = row === undefined ? undefined : { row, told: this.#toldOf(row) };
    const waiting = (resolved || ending) && !of?.told;
    const entry = this.#book.entry(of ? { ...draft, of } : draft, { waiting });
    begun?.keep(entry);
    if (ending && entry.waiting) this.#awaitBareName(entry);
    return entry;
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
    const { now, target } = this.#parts;
    const draft = this.#lookup({
      ...query,
      ...{ action: 'allow', reason: 'name', address: null, policy: target.policy, time: now() },
      asker: this.#askerOf(query.client),
    });
    this.#takeEndings(draft.event, draft.start);
    this.#again(this.#book.entry(draft, { waiting: true }), 'A');
  }

  /**
   * All rows with their final counts; `added` is what of that was never told. What lost its event is found in the
   * kernel's own table, and told first.
   */
  finish(): ToldRow[] {
    this.find();
    this.#lookups.end();
    return this.#book.finish();
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
    await this.#book.said();
  }

  /** Rows that have happened more often than was told. What waits goes on waiting. */
  grown(): ToldRow[] {
    this.settle();
    for (const [id, entry] of this.#seen) {
      const row = this.#parts.kernel.row(Buffer.from(id, 'latin1'));
      if (row) count(entry, id, Number(row.count), this.#parts.wallTime(row.last));
    }
    return this.#book.grown();
  }

  /** In Observe it waits for a connection as well, and as long as one takes. */
  #awaitBareName(entry: Entry): void {
    const { event, start } = entry;
    this.#searches.wait(askerOf(event, start), event.domain ?? '', entry, () => {
      if (event.action === 'block') this.#book.tell(entry);
    });
  }

  /** The row of the bare name says all that those of its endings said. */
  #takeEndings(event: EgressEvent, start: bigint): void {
    for (const entry of this.#searches.take(askerOf(event, start), event.domain ?? ''))
      this.#merge(entry);
  }

  #merge(entry: Entry): void {
    entry.merged = true;
    entry.waiting = false;
    this.#lookups.forget(entry);
  }

  #lookup(looked: Looked): Draft {
    const { asker } = looked;
    const process = asker && this.#parts.kernel.process(asker.pid, asker.start);
    const event = this.#drafts.ofLookup(looked, process);
    return { event, start: asker?.start ?? 0n, container: this.#containerOf(process) };
  }

  #askerOf({ address, port, transport }: Client): Looked['asker'] {
    const { kernel, target } = this.#parts;
    const proto = transport === 'tcp' ? 6 : 17;
    // The kernel knows who asked by IPv4 alone.
    return isIPv4(address)
      ? kernel.asker(target.spec.id, constantAddress(address), port, proto)
      : undefined;
  }

  #toldOf(row: string): number {
    return this.#parts.toldOf?.(Buffer.from(row, 'latin1')) ?? 0;
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
      const of = { row: id, told: this.#toldOf(id) };
      entry = this.#book.entry({ event, start: seen.key.start, container, of });
      this.#seen.set(id, entry);
      if (seen.key.passed) this.#takeLookups(entry);
    }
    count(entry, id, seen.times, this.#parts.wallTime(seen.last));
  }

  #containerOf(process: ProcessRecord | undefined): PartName {
    return process === undefined ? null : this.#containers.of(process);
  }

  /** Had the connection's row been there before the look-up's? */
  #hasConnected({ event, start }: Entry): boolean {
    return [...this.#seen.values()].some(
      (other) =>
        other.event.domain === event.domain &&
        other.event.action !== 'block' &&
        other.event.pid === event.pid &&
        other.start === start,
    );
  }

  /** The connection's row says all that its name's look-up said. */
  #takeLookups({ event, start }: Entry): void {
    if (event.domain === null) return;
    for (const entry of this.#book.entries()) {
      const { domain, pid } = entry.event;
      if (!entry.waiting || domain !== event.domain) continue;
      if (pid === event.pid && entry.start === start) this.#merge(entry);
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
