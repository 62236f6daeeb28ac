/**
 * The kernel's side of one engine: its programs, and its maps as typed calls. Nothing here decides
 * anything; agent/target does. When a call returns, or its promise resolves, the kernel holds the change.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import type { Permission } from '#policy/types.ts';
import { allDone } from './all-done.ts';
import { errors } from './errors.ts';
import { Keeping } from './keeping.ts';
import * as layout from './layout.ts';
import { LearnedTable } from './learned-table.ts';
import { type LoadedEngine, loadEngine } from './load.ts';
import { LookupTable, toldLookupKey } from './lookup-table.ts';
import { type EngineHandle, type LinkHandle, native, type RingHandle } from './native.ts';
import { ProcessTable } from './process-table.ts';
import {
  type Attempt,
  addressPrograms,
  backstopProgram,
  type OptionalPart,
  optionalParts,
  whyRefused,
} from './programs.ts';
import {
  type Counters,
  type EventRecord,
  type LearnedName,
  linesOf,
  type ProcessRecord,
  type Row,
  readEvents,
  slices,
  sumOf,
  type TargetRecord,
  textOf,
} from './records.ts';
import { u32 } from './struct.ts';
import { Ticks } from './ticks.ts';
import { overflowKey, ToldTable } from './told-table.ts';

function u64(value: bigint): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64LE(value);
  return key;
}

/** The shortest that BPF_PROG_TEST_RUN takes: an Ethernet header. */
const emptyFrame = Buffer.alloc(14);

export class Kernel {
  /** Optional parts that this kernel refused, with its reason. */
  readonly missing: ReadonlyMap<OptionalPart, string>;
  /** Which shape of the packet hook this kernel took. */
  readonly packetProgram: Attempt['packet'];
  readonly #native = native();
  readonly #engine: EngineHandle;
  readonly #learned: LearnedTable;
  /** What is written down for the process after this one, and what the one before left. */
  readonly keeping: Keeping;
  /** What outputs have been told of rows; undefined where maps end with this process. */
  readonly told: ToldTable | undefined;
  /** Refused lookups, where maps outlive this process. */
  readonly lookups: LookupTable | undefined;
  readonly #processes = new ProcessTable((pid, value) =>
    this.#native.mapLookup(this.#engine, 'processes', u32(pid), value),
  );
  readonly #ticks = new Ticks(() => this.testRun('tw_clock', emptyFrame).result);
  #traces: LinkHandle[] = [];
  #ring: RingHandle | undefined;
  #onEvents: ((events: EventRecord[]) => void) | undefined;

  private constructor({ engine, attempt, refusals, folder }: LoadedEngine) {
    this.#engine = engine;
    this.keeping = new Keeping(engine, folder);
    this.told = folder ? new ToldTable(engine) : undefined;
    this.lookups = folder ? new LookupTable(engine) : undefined;
    const maps = {
      write: (index: number, value: Buffer) =>
        this.#native.mapWrite(engine, 'learned', index, 0, value),
      setHashing: (value: Buffer) => {
        this.#update('.data.hashing', u32(0), value);
        this.#update('hashing', u32(0), value);
      },
    };
    const entries = this.#native.mapEntries(engine, 'learned');
    const { seed, keys } = this.keeping.learned();
    this.#learned = new LearnedTable(maps, entries, seed, keys);
    this.packetProgram = attempt.packet;
    this.missing = new Map(attempt.missing.map((part) => [part, whyRefused(part, refusals)]));
  }

  /**
   * Loads the programs, on another thread. `sizes` replaces the number of entries of a map; `backstop`
   * is for targets with a network namespace of their own. `pins`: a folder on a bpffs in which the maps
   * outlive this process; the next one with equal maps goes on with them.
   * @throws TW_BPF_NO_BTF, TW_BPF_NOT_BUILT, TW_BPF_REFUSED, TW_BPF_PINS_TAKEN (rejects)
   */
  static async load(
    sizes: Readonly<Record<string, number>>,
    { backstop = false, pins = '' }: { readonly backstop?: boolean; readonly pins?: string } = {},
  ): Promise<Kernel> {
    return Kernel.of(await loadEngine(sizes, backstop, pins));
  }

  /** Takes over what was loaded. */
  static of(loaded: LoadedEngine): Kernel {
    return new Kernel(loaded);
  }

  /**
   * Attaches every program to the cgroup, or those given, and pins the links below `pins` (a folder on
   * a bpffs). All at once: each waits for the kernel's one lock on cgroups.
   * @throws TW_BPF_ATTACH (rejects); what was attached stays pinned, so the cgroup stays refused
   */
  async attachCgroup(
    cgroup: string,
    pins: string,
    programs: readonly string[] = this.cgroupPrograms(),
  ): Promise<void> {
    mkdirSync(pins, { recursive: true, mode: 0o700 });
    await allDone(programs.map((program) => this.#attach(program, cgroup, pins)));
  }

  async #attach(program: string, cgroup: string, pins: string): Promise<void> {
    try {
      await this.#native.attachCgroup(this.#engine, program, cgroup, join(pins, program));
    } catch (cause) {
      throw failure(errors.attach, { program, cgroup, reason: (cause as Error).message }, cause);
    }
  }

  /** What a target's cgroup gets. */
  cgroupPrograms(): readonly string[] {
    return [
      this.packetProgram,
      ...addressPrograms,
      ...this.#programsOf('create'),
      ...this.#programsOf('unix'),
    ];
  }

  /**
   * Judges all that comes in by a link of this machine as the target's in `slot`, for as long as the link
   * lives. @throws TW_BPF_ATTACH (rejects)
   */
  async attachBackstop(ifindex: number, slot: number): Promise<void> {
    this.#update('uplinks', u32(ifindex), u32(slot));
    try {
      await this.#native.attachBackstop(this.#engine, backstopProgram, ifindex);
    } catch (cause) {
      const where = `link ${ifindex}`;
      const reason = (cause as Error).message;
      throw failure(errors.attach, { program: backstopProgram, cgroup: where, reason }, cause);
    }
  }

  /** The target is gone: whoever gets the link's number next is nobody's. */
  forgetUplink(ifindex: number): void {
    this.#native.mapDelete(this.#engine, 'uplinks', u32(ifindex));
  }

  /** Follows forks and execs of targets, where the kernel can. */
  attachTraces(): void {
    this.#traces = this.#programsOf('process').map((program) =>
      this.#native.attachTrace(this.#engine, program),
    );
  }

  /** Makes a target known; nothing of it passes before `setPolicy` gave it a policy word. */
  setTarget(slot: number, record: TargetRecord, levels: bigint): void {
    this.#native.mapUpdate(this.#engine, 'targets', u32(slot), layout.target.write(record), 0);
    this.#native.mapStore(this.#engine, 'levels', 0, levels);
    this.#native.mapUpdate(this.#engine, 'cgroups', u64(record.cgroup_id), u32(slot), 0);
  }

  /** The target's cgroup is gone: its slot is free. What it learned is its owner's to forget. */
  deleteTarget(slot: number, cgroup: bigint): void {
    this.#native.mapDelete(this.#engine, 'cgroups', u64(cgroup));
    this.#native.mapStore(this.#engine, 'policies', slot, 0n);
    this.#update('accounts', u32(slot), Buffer.alloc(layout.account.size));
    this.keeping.forget(slot);
    const target = this.#lookup('targets', u32(slot), layout.target.size);
    // Until here a process after this one knows that there is something to forget.
    this.#update('targets', u32(slot), Buffer.alloc(layout.target.size));
    if (target) this.told?.forget(overflowKey(layout.target.read(target).id));
  }

  /** The links of a target that is gone. */
  forgetUplinksOf(slot: number): void {
    for (const key of slices(this.#native.mapKeys(this.#engine, 'uplinks'), 4)) {
      if (this.#lookup('uplinks', key, 4)?.readUInt32LE() !== slot) continue;
      this.#native.mapDelete(this.#engine, 'uplinks', key);
    }
  }

  /** Of packets and of lookups. The row first: what was told of a row that is not there does no harm. */
  deleteRows(target: number): void {
    for (const key of this.rowKeys(target)) {
      this.#native.mapDelete(this.#engine, 'rows', key);
      this.told?.forget(key);
    }
    for (const number of this.lookups?.numbers(target) ?? []) {
      this.lookups?.delete(target, number);
      this.told?.forget(toldLookupKey(target, number));
    }
  }

  /** Puts a policy table and its flags (layout.policyFlags) in force, at once for every packet. */
  setPolicy(slot: number, table: number, flags: bigint): void {
    this.#native.mapStore(this.#engine, 'policies', slot, (BigInt(table) << 32n) | flags);
  }

  /**
   * What a name may reach under a rule table. The table before, which is of the other parity, stays as
   * it is; a name without lines under a table is not allowed by it.
   */
  setLines(table: number, name: number, permissions: readonly Permission[]): void {
    const bytes = layout.lines.write(linesOf(table, permissions));
    try {
      const version = layout.lines.size * (table & 1);
      this.#native.mapWrite(this.#engine, 'names', name, version, bytes);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'E2BIG') throw cause;
      throw failure(errors.tooManyNames, { name }, cause);
    }
  }

  setCidr(
    table: number,
    address: number,
    length: number,
    permissions: readonly Permission[],
  ): void {
    this.#update(
      'cidrs',
      this.#cidrKey(table, address, length),
      layout.lines.write(linesOf(table, permissions)),
    );
  }

  deleteCidr(table: number, address: number, length: number): void {
    this.#native.mapDelete(this.#engine, 'cidrs', this.#cidrKey(table, address, length));
  }

  /**
   * Prefixes of tables that are gone, whatever process wrote them. Before
   * 6.13 a walk through the trie may pass some by: they cost room and nothing else.
   */
  deleteCidrsOf(isGone: (table: number) => boolean): void {
    const keys = this.#native.mapKeys(this.#engine, 'cidrs');
    for (const key of slices(keys, layout.cidrKey.size)) {
      if (isGone(layout.cidrKey.read(key).table))
        this.#native.mapDelete(this.#engine, 'cidrs', key);
    }
  }

  setLearned(target: number, addr: number, slots: LearnedName[]): void {
    this.#learned.set(target, addr, slots);
  }

  deleteLearned(target: number, addr: number): void {
    this.#learned.delete(target, addr);
  }

  setDohAddress(address: number): void {
    this.#update('doh', u32(address), u32(1));
  }

  /** The identity of a process, alive or ended, while the kernel remembers it. */
  process(pid: number, start: bigint): ProcessRecord | undefined {
    return this.#processes.of(pid, start);
  }

  /** What the cgroup of a process's record (`part`) is or was called, while the kernel remembers it. */
  partName(part: bigint): string | undefined {
    const value = part === 0n ? undefined : this.#lookup('parts', u64(part), layout.part.size);
    return value && textOf(value);
  }

  /** Which process sent a query from this address. */
  asker(
    target: number,
    addr: number,
    port: number,
    proto: number,
  ): { pid: number; start: bigint } | undefined {
    const key = layout.askerKey.write({ target, addr, port, proto });
    const value = this.#lookup('askers', key, layout.asker.size);
    return value && layout.asker.read(value);
  }

  row(key: Buffer): Row | undefined {
    const value = this.#lookup('rows', key, layout.row.size);
    return value && layout.row.read(value);
  }

  /** Keys of a target's rows, as they are and once each. */
  rowKeys(target: number): Buffer[] {
    const at = layout.rowKey.offsets.target as number;
    const all = slices(this.#native.mapKeys(this.#engine, 'rows'), layout.rowKey.size);
    const own = all.filter((key) => key.readUInt32LE(at) === target);
    return [...new Map(own.map((key) => [key.toString('latin1'), key])).values()];
  }

  /** Verdicts of a target that found no room for a row of their own. */
  overflow(slot: number): { refused: number; allowed: number } {
    const value = this.#lookup('accounts', u32(slot), layout.account.size);
    if (!value) return { refused: 0, allowed: 0 };
    const { overflow, allowed_overflow } = layout.account.read(value);
    const before = this.keeping.overflow(slot);
    return { refused: Number(overflow) + before, allowed: Number(allowed_overflow) };
  }

  counters(): Counters {
    const counters = {} as Counters;
    for (const [i, name] of layout.counterNames.entries()) {
      const value = Buffer.alloc(8 * this.#native.processors());
      this.#native.mapLookup(this.#engine, 'counters', u32(i), value);
      counters[name] = sumOf(value);
    }
    return counters;
  }

  /** Calls back with the events of each wake-up, in order. */
  onEvents(callback: (events: EventRecord[]) => void): void {
    this.#onEvents = callback;
    this.#ring = this.#native.ringOpen(this.#engine, 'events', (records) =>
      callback(readEvents(records)),
    );
  }

  /** Now, as the kernel's expiry counts. */
  tick(): number {
    return this.#ticks.now();
  }

  /** Ticks in so many seconds, rounded up. */
  ticks(seconds: number): number {
    return this.#ticks.in(seconds);
  }

  /** Do sockets keep their cgroup when something uses net_cls or net_prio of cgroup v1? */
  keepsCgroup(): boolean {
    return this.testRun('tw_keeps_cgroup', emptyFrame).result !== 0;
  }

  /** Runs a program on a packet to an interface, 0 for loopback; nothing is sent. */
  testRun(program: string, frame: Buffer, repeat = 1, ifindex = 0) {
    return this.#native.testRun(this.#engine, program, frame, repeat, ifindex);
  }

  runStats(program: string): { runs: number; nanoseconds: number } {
    return this.#native.runStats(this.#engine, program);
  }

  /** Hands over events that are still waiting, then lets go of everything. Pinned links stay attached. */
  close(): void {
    if (this.#ring) {
      const rest = this.#native.ringClose(this.#ring);
      if (rest) this.#onEvents?.(readEvents(rest));
      this.#ring = undefined;
    }
    for (const link of this.#traces) this.#native.detach(link);
    this.#traces = [];
    this.#native.unload(this.#engine);
  }

  #update(map: string, key: Buffer, value: Buffer): void {
    this.#native.mapUpdate(this.#engine, map, key, value, 0);
  }

  #lookup(map: string, key: Buffer, size: number): Buffer | undefined {
    const value = Buffer.alloc(size);
    return this.#native.mapLookup(this.#engine, map, key, value) ? value : undefined;
  }

  #cidrKey(table: number, address: number, length: number): Buffer {
    const addr = Buffer.alloc(4);
    addr.writeUInt32BE(address);
    return layout.cidrKey.write({ prefix: 32 + length, table, addr_be: addr });
  }

  #programsOf(part: OptionalPart): readonly string[] {
    return this.missing.has(part) ? [] : optionalParts[part].programs;
  }
}
