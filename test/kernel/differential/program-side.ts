/**
 * The sides that are compared with the oracle: programs with a world in their maps. The kernel runs
 * them as eBPF, and the same C is compiled for this host (test/native).
 */
import { reasons } from '#api/event.ts';
import * as layout from '#bpf/layout.ts';
import { LearnedTable } from '#bpf/learned-table.ts';
import { builtPath, type EngineHandle } from '#bpf/native.ts';
import { linesOf } from '#bpf/records.ts';
import { u32 } from '#bpf/struct.ts';
import type { Mode, Permission } from '#policy/types.ts';
import {
  type Learned,
  type Verdict,
  type VerdictQuery,
  type VerdictState,
  verdict,
} from '#policy/verdict.ts';
import type { Programs } from './programs.ts';
import type { Question } from './questions.ts';
import { asks, given, told } from './shapes.ts';
import type { World } from './worlds.ts';

/** TW_MAX_LEFT: a longer allowance is asked for again after so many ticks. */
export const MAX_LEFT = 0x7fffff;
const TW_ALLOWS = [1, 4] as const;
const locals = ['none', 'own', 'foreign'] as const;
const ZERO = Buffer.alloc(4);

export interface Told extends Verdict {
  readonly passes: boolean;
  readonly dport: number;
  readonly daddr: number;
}

/** What the oracle says, in the kernel's terms. */
export function expected(query: VerdictQuery, world: World, oracle = verdict): Verdict {
  const judged = oracle(query, world.state);
  const left = judged.expires === 0 ? 0 : Math.min(judged.expires - query.now, MAX_LEFT);
  return { ...judged, expires: left };
}

export interface Counted {
  readonly refused: number;
  readonly allowed: number;
}

type Given = Parameters<typeof given.write>[0];
type ToldRecord = ReturnType<typeof told.read>;
/** What a target's record says beside its resolver. */
export type TargetRecord = Parameters<typeof layout.target.write>[0];

export class ProgramSide {
  readonly #native: Programs;
  readonly #engine: EngineHandle;
  readonly #learned: LearnedTable;
  #target = 1000;
  #table = 0;
  #ran = 0;
  #undo: (() => void)[] = [];

  constructor(
    programs: Programs,
    object: 'verdict.bpf.o' | 'engine.bpf.o',
    without: readonly string[] = [],
  ) {
    this.#native = programs;
    this.#engine = programs.load(builtPath(`bpf/${object}`), sizes, without, '');
    const put = (map: string, index: number, value: Buffer) =>
      this.#native.mapUpdate(this.#engine, map, u32(index), value, 0);
    this.#learned = new LearnedTable(
      {
        write: (index, value) => put('learned', index, value),
        setHashing: (value) => put('.data.hashing', 0, value),
      },
      this.#native.mapEntries(this.#engine, 'learned'),
    );
  }

  /** Makes a cgroup known as the target, at whatever depth it lies. */
  publish(cgroup: bigint): void {
    this.#native.mapStore(this.#engine, 'levels', 0, 0xffffn);
    const key = Buffer.alloc(8);
    key.writeBigUInt64LE(cgroup);
    this.#native.mapUpdate(this.#engine, 'cgroups', key, ZERO, 0);
  }

  /** Runs a hook on a frame, `repeat` times with one socket: what it returned last. */
  run(program: string, frame: Buffer, repeat: number, ifindex: number): number {
    return this.#native.testRun(this.#engine, program, frame, repeat, ifindex).result;
  }

  /** The kernel's clock, in ticks. */
  tick(): number {
    return this.run('tw_clock', Buffer.alloc(60), 1, 0);
  }

  /** Verdicts that found no room for a row; there is none at all. */
  overflow(): Counted {
    const value = Buffer.alloc(layout.account.size);
    this.#native.mapLookup(this.#engine, 'accounts', ZERO, value);
    const { overflow, allowed_overflow } = layout.account.read(value);
    return { refused: Number(overflow), allowed: Number(allowed_overflow) };
  }

  /** Puts a world into the maps, beside contrary entries of another table and another target. */
  enter(world: World, record: TargetRecord = {}): void {
    for (const undo of this.#undo.splice(0)) undo();
    for (const address of world.state.doh) this.#put('doh', u32(address), u32(1));
    this.newTarget(world, record);
    for (const [addr, slots] of world.state.learned) this.learn(addr, slots);
  }

  /** Another target takes the place of the one before; it has learned nothing yet. */
  newTarget(world: World, record: TargetRecord = {}): void {
    this.#target += 2;
    const { resolver } = world.state;
    const value = layout.target.write({
      ...record,
      id: this.#target,
      resolver_addr: resolver?.address ?? 0,
      resolver_port: resolver?.port ?? 0,
    });
    this.#native.mapUpdate(this.#engine, 'targets', ZERO, value, 0);
    this.setPolicy(world);
  }

  /** Names, prefixes and mode under a new table, and that in force. */
  setPolicy({ state, mode, nameIds }: World): void {
    this.#table += 1;
    const table = this.#table;
    const other = table + 0x100000;
    for (const c of state.cidrs) {
      this.#put('cidrs', cidrKey(table, c.address, c.length), cidrLines(table, c.permissions));
      this.#put('cidrs', cidrKey(other, c.address, c.length), cidrLines(other, contrary));
    }
    this.#put('cidrs', cidrKey(other, 0, 0), cidrLines(other, contrary));
    for (const name of nameIds) this.#setName(name, table, state.names.get(name));
    this.#native.mapStore(this.#engine, 'policies', 0, wordOf(state, mode, table));
  }

  /** Of the target, and the contrary of another one. */
  learn(addr: number, slots: readonly Learned[]): void {
    const slot = slots.map(({ name, expires }) => ({ name, expires }));
    this.#learn(this.#target, addr, slot);
    this.#learn(this.#target + 1, addr, [...slot].reverse());
  }

  #learn(target: number, addr: number, slot: { name: number; expires: number }[]): void {
    this.#learned.set(target, addr, slot);
    this.#undo.push(() => this.#learned.delete(target, addr));
  }

  get target(): number {
    return this.#target;
  }

  get table(): number {
    return this.#table;
  }

  /** Writes an element of an array. */
  put(map: 'test_sockets' | 'accounts', index: number, value: Buffer): void {
    this.#native.mapUpdate(this.#engine, map, u32(index), value, 0);
  }

  /** A link's other end becomes one of the target's. */
  putUplink(ifindex: number): void {
    this.#native.mapUpdate(this.#engine, 'uplinks', u32(ifindex), ZERO, 0);
  }

  /** Forgets this flow with the world; who sends it says so. */
  willFlow(key: Buffer): void {
    this.#undo.push(() => this.#native.mapDelete(this.#engine, 'flows', key));
  }

  ask(question: Question): Told {
    const { query } = question;
    const record: Given = {
      now: query.now,
      socket_name: query.socketName,
      addr: question.address,
      port_be: u16be(question.port),
      proto: question.protocol,
      local: locals.indexOf(query.local),
      ask: asks.indexOf(question.ask),
      stream: question.stream ? 1 : 0,
    };
    const answer = this.tell('tw_test_verdict', record, question.frame, 0);
    return { ...readVerdict(answer.verdict), ...answer, passes: answer.passes !== 0 };
  }

  /** Runs a program of the test on what it is given. */
  tell(program: string, record: Given, frame: Buffer, ifindex: number): ToldRecord {
    this.#native.mapUpdate(this.#engine, 'given', ZERO, given.write(record), 0);
    this.run(program, frame, 1, ifindex);
    const value = Buffer.alloc(told.size);
    this.#native.mapLookup(this.#engine, 'told', ZERO, value);
    const answer = told.read(value);
    if (answer.ran !== ++this.#ran) throw new Error('the program did not run to its end');
    return answer;
  }

  close(): void {
    this.#native.unload(this.#engine);
  }

  /** A name's lines under this table, if it has any, beside those of other tables, which are void. */
  #setName(name: number, table: number, permissions: readonly Permission[] | undefined): void {
    const version = [linesOf(table + 3, contrary), linesOf(table + 3, contrary)];
    version[table & 1] = permissions ? linesOf(table, permissions) : linesOf(table + 2, contrary);
    this.#native.mapUpdate(this.#engine, 'names', u32(name), layout.name.write({ version }), 0);
  }

  #put(map: string, key: Buffer, value: Buffer): void {
    this.#native.mapUpdate(this.#engine, map, key, value, 0);
    this.#undo.push(() => this.#native.mapDelete(this.#engine, map, key));
  }
}

const sizes = { targets: 1, policies: 1, accounts: 1, rows: 1, processes: 8, askers: 8 };
const contrary: readonly Permission[] = [
  { action: 'allow', protocol: 0, from: 0, to: 65535, rule: 999 },
];

/** The bits of TW_VERDICT in bpf/verdict.h. */
function readVerdict(word: bigint): Verdict {
  const bits = (from: bigint, count: bigint) => Number((word >> from) & ((1n << count) - 1n));
  const reason = bits(0n, 5n);
  return {
    allow: reason >= TW_ALLOWS[0] && reason <= TW_ALLOWS[1],
    reason: reasons[reason] ?? 'none',
    rule: bits(5n, 16n),
    name: bits(21n, 20n),
    expires: bits(41n, 23n),
  };
}

function wordOf(state: VerdictState, mode: Mode, table: number): bigint {
  const flags =
    (mode === 'Observe' ? layout.policyFlags.observe : 0n) |
    (deniesPrefix(state) ? layout.policyFlags.denyCidr : 0n);
  return (BigInt(table) << 32n) | flags;
}

/** Some prefix has a deny line, so prefixes have to be looked at before learned addresses. */
export function deniesPrefix(state: VerdictState): boolean {
  return state.cidrs.some((c) => c.permissions.some((p) => p.action === 'deny'));
}

function cidrLines(table: number, permissions: readonly Permission[]): Buffer {
  return layout.lines.write(linesOf(table, permissions));
}

function cidrKey(table: number, address: number, length: number): Buffer {
  const addr = Buffer.alloc(4);
  addr.writeUInt32BE(address);
  return layout.cidrKey.write({ prefix: 32 + length, table, addr_be: addr });
}

export function u16be(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}
