/**
 * The kernel's side of one engine: its programs, and its maps as typed calls. Nothing here decides
 * anything; agent/target does. Every call is synchronous: when it returns, the kernel holds the change.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import type { Permission } from '#policy/types.ts';
import { errors } from './errors.ts';
import { Keeping } from './keeping.ts';
import * as layout from './layout.ts';
import { LearnedTable } from './learned-table.ts';
import { layoutHash, lockPins, ownFolder } from './map-pins.ts';
import {
  builtPath,
  type EngineHandle,
  type LinkHandle,
  native,
  type RingHandle,
} from './native.ts';
import {
  type Attempt,
  addressPrograms,
  attempts,
  backstopProgram,
  type OptionalPart,
  optionalParts,
} from './programs.ts';
import { type Fields, type Struct, u32, type Values } from './struct.ts';

type Read<S> = S extends Struct<infer F extends Fields> ? Values<F> : never;
export type TargetRecord = Read<typeof layout.target>;
export type ProcessRecord = Read<typeof layout.processRecord>;
export type RowKey = Read<typeof layout.rowKey>;
export type Row = Read<typeof layout.row>;
export type EventRecord = Read<typeof layout.event>;
export type LearnedName = Read<typeof layout.learnedName>;
export type Counters = Record<(typeof layout.counterNames)[number], number>;

const BTF = '/sys/kernel/btf/vmlinux';

function u64(value: bigint): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64LE(value);
  return key;
}

/** Lines under one rule table, as elements of `names` and `cidrs` hold them. */
export function linesOf(table: number, permissions: readonly Permission[]) {
  return {
    table,
    count: permissions.length,
    line: permissions.map((p) => ({
      from: p.from,
      to: p.to,
      proto: p.protocol,
      deny: p.action === 'deny' ? 1 : 0,
      rule: p.rule,
    })),
  };
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
  /** Names whose element was written; an element that was not holds nothing, if the map is new. */
  readonly #named = new Set<number>();
  /** ms. */
  readonly #tickLength = (native().jiffy() * 2 ** layout.TICK_SHIFT) / 1e6;
  #clock = { tick: 0, at: Number.NEGATIVE_INFINITY };
  #traces: LinkHandle[] = [];
  #ring: RingHandle | undefined;
  #onEvents: ((events: EventRecord[]) => void) | undefined;

  private constructor(engine: EngineHandle, attempt: Attempt, why: string, folder: string) {
    this.#engine = engine;
    this.keeping = new Keeping(engine, folder);
    const maps = {
      write: (index: number, value: Buffer) => this.#update('learned', u32(index), value),
      setHashing: (value: Buffer) => this.#update('hashing', u32(0), value),
    };
    const entries = this.#native.mapEntries(engine, 'learned');
    const { seed, keys } = this.keeping.learned();
    this.#learned = new LearnedTable(maps, entries, seed, keys);
    this.packetProgram = attempt.packet;
    this.missing = new Map(attempt.missing.map((part) => [part, why]));
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
    if (!existsSync(BTF)) throw failure(errors.noBtf, { path: BTF });
    const path = builtPath('bpf/engine.bpf.o');
    if (!existsSync(path)) throw failure(errors.notBuilt, { path });
    if (pins) await lockPins(pins);
    const folder = pins && ownFolder(pins, layoutHash(path, sizes));
    const refusals: NodeJS.ErrnoException[] = [];
    for (const attempt of attempts) {
      try {
        const without = [...attempt.without, ...(backstop ? [] : [backstopProgram])];
        const engine = await native().loadLater(path, sizes, without, folder);
        return new Kernel(engine, attempt, refusals[0]?.message ?? '', folder);
      } catch (error) {
        refusals.push(error as NodeJS.ErrnoException);
      }
    }
    const first = refusals[0];
    const reason = first?.code ?? 'unknown';
    const log = first?.message.trim() ?? '';
    throw failure(errors.refused, { kernel: release(), reason, log }, first);
  }

  /**
   * Attaches every program to the cgroup, or those given, and pins the links below `pins` (a folder on
   * a bpffs). @throws TW_BPF_ATTACH; what was attached before stays pinned, so the cgroup stays refused
   */
  attachCgroup(
    cgroup: string,
    pins: string,
    programs: readonly string[] = this.cgroupPrograms(),
  ): void {
    mkdirSync(pins, { recursive: true, mode: 0o700 });
    for (const program of programs) {
      try {
        this.#native.attachCgroup(this.#engine, program, cgroup, join(pins, program));
      } catch (cause) {
        throw failure(errors.attach, { program, cgroup, reason: (cause as Error).message }, cause);
      }
    }
  }

  /** What a target's cgroup gets, in the order of attaching. */
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
   * lives. @throws TW_BPF_ATTACH
   */
  attachBackstop(ifindex: number, slot: number): void {
    this.#update('uplinks', u32(ifindex), u32(slot));
    try {
      this.#native.attachBackstop(this.#engine, backstopProgram, ifindex);
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
    this.#update('targets', u32(slot), Buffer.alloc(layout.target.size));
    this.#update('accounts', u32(slot), Buffer.alloc(layout.account.size));
    this.keeping.forget(slot);
  }

  /** The links of a target that is gone. */
  forgetUplinksOf(slot: number): void {
    const keys = this.#native.mapKeys(this.#engine, 'uplinks');
    for (let at = 0; at < keys.length; at += 4) {
      const key = keys.subarray(at, at + 4);
      if (this.#lookup('uplinks', key, 4)?.readUInt32LE() !== slot) continue;
      this.#native.mapDelete(this.#engine, 'uplinks', key);
    }
  }

  deleteRows(target: number): void {
    for (const key of this.rowKeys())
      if (layout.rowKey.read(key).target === target) this.deleteRow(key);
  }

  deleteRow(key: Buffer): void {
    this.#native.mapDelete(this.#engine, 'rows', key);
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
    const written = this.keeping.kept || this.#named.has(name);
    const before = written && this.#lookup('names', u32(name), layout.name.size);
    const value = before || Buffer.alloc(layout.name.size);
    layout.lines.writeInto(value, layout.lines.size * (table & 1), linesOf(table, permissions));
    try {
      this.#update('names', u32(name), value);
      this.#named.add(name);
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
    for (let at = 0; at < keys.length; at += layout.cidrKey.size) {
      const key = keys.subarray(at, at + layout.cidrKey.size);
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
    const value = this.#lookup('processes', u32(pid), layout.processRecord.size);
    const record = value && layout.processRecord.read(value);
    return record?.start === start ? record : undefined;
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

  /** Keys of all rows, as they are and once each. */
  rowKeys(): Buffer[] {
    const all = this.#native.mapKeys(this.#engine, 'rows');
    const keys = new Map<string, Buffer>();
    for (let at = 0; at < all.length; at += layout.rowKey.size) {
      const key = all.subarray(at, at + layout.rowKey.size);
      keys.set(key.toString('latin1'), key);
    }
    return [...keys.values()];
  }

  /** Verdicts of a target that found no room for a row of their own. */
  overflow(slot: number): { refused: number; allowed: number } {
    const value = this.#lookup('accounts', u32(slot), layout.account.size);
    if (!value) return { refused: 0, allowed: 0 };
    const { overflow, allowed_overflow } = layout.account.read(value);
    return { refused: Number(overflow), allowed: Number(allowed_overflow) };
  }

  counters(): Counters {
    const counters = {} as Counters;
    for (const [i, name] of layout.counterNames.entries()) {
      const value = Buffer.alloc(8 * this.#native.processors());
      this.#native.mapLookup(this.#engine, 'counters', u32(i), value);
      counters[name] = 0;
      for (let at = 0; at < value.length; at += 8)
        counters[name] += Number(value.readBigUInt64LE(at));
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

  /** Now, as the kernel's expiry counts; the kernel is asked once a second. */
  tick(): number {
    const now = performance.now();
    if (now - this.#clock.at > 1000) {
      this.#clock = { tick: this.testRun('tw_clock', emptyFrame).result, at: now };
    }
    return this.#clock.tick + Math.floor((now - this.#clock.at) / this.#tickLength);
  }

  /** Ticks in so many seconds, rounded up. */
  ticks(seconds: number): number {
    return Math.ceil((seconds * 1000) / this.#tickLength);
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

function readEvents(records: Buffer): EventRecord[] {
  const events: EventRecord[] = [];
  for (let at = 0; at < records.length; ) {
    const size = records.readUInt32LE(at);
    events.push(layout.event.read(records, at + 4));
    at += 4 + size;
  }
  return events;
}
