/** The kernel's side of the comparison: build/bpf/verdict.bpf.o with a world in its maps. */
import { reasons } from '#api/event.ts';
import { linesOf } from '#bpf/kernel.ts';
import * as layout from '#bpf/layout.ts';
import { LearnedTable } from '#bpf/learned-table.ts';
import { builtPath, type EngineHandle, native } from '#bpf/native.ts';
import { struct } from '#bpf/struct.ts';
import type { Permission } from '#policy/types.ts';
import { type Verdict, type VerdictQuery, verdict } from '#policy/verdict.ts';
import type { Question } from './questions.ts';
import type { World } from './worlds.ts';

const given = struct({
  now: 'u32',
  socket_name: 'u32',
  addr: { bytes: 16 },
  port_be: { bytes: 2 },
  proto: 'u8',
  local: 'u8',
  ask: 'u8',
  stream: 'u8',
  _pad: 'u16',
});
const told = struct({
  verdict: 'u64',
  daddr: 'u32',
  dport: 'u16',
  proto: 'u8',
  flags: 'u8',
  passes: 'u32',
  ran: 'u32',
});

/** TW_MAX_LEFT: a longer allowance is asked for again after so many ticks. */
export const MAX_LEFT = 0x7fffff;
const TW_ALLOWS = [1, 4] as const;
const asks = ['packet', 'address4', 'address6'] as const;
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

export class KernelSide {
  readonly #native = native();
  readonly #engine: EngineHandle;
  readonly #learned: LearnedTable;
  #table = 0;
  #ran = 0;
  #undo: (() => void)[] = [];

  constructor(object: 'verdict.bpf.o' | 'engine.bpf.o', without: readonly string[] = []) {
    this.#engine = this.#native.load(builtPath(`bpf/${object}`), sizes, without);
    const put = (map: string, index: number, value: Buffer) =>
      this.#native.mapUpdate(this.#engine, map, u32(index), value, 0);
    this.#learned = new LearnedTable(
      {
        write: (index, value) => put('learned', index, value),
        setHashing: (value) => put('hashing', 0, value),
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
  overflow(): bigint {
    const value = Buffer.alloc(layout.account.size);
    this.#native.mapLookup(this.#engine, 'accounts', ZERO, value);
    return layout.account.read(value).overflow;
  }

  /** Puts a world into the maps, beside contrary entries of another table and another target. */
  enter(world: World): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#table += 1;
    const table = this.#table;
    const target = table + 1000;
    const other = table + 0x100000;
    const { state } = world;
    for (const c of state.cidrs) {
      this.#put('cidrs', cidrKey(table, c.address, c.length), cidrLines(table, c.permissions));
      this.#put('cidrs', cidrKey(other, c.address, c.length), cidrLines(other, contrary));
    }
    this.#put('cidrs', cidrKey(other, 0, 0), cidrLines(other, contrary));
    for (const name of world.nameIds) this.#setName(name, table, state.names.get(name));
    for (const [addr, slots] of state.learned) {
      const slot = slots.map(({ name, expires }) => ({ name, expires }));
      this.#learn(target, addr, slot);
      this.#learn(target + 1, addr, [...slot].reverse());
    }
    for (const address of state.doh) this.#put('doh', u32(address), u32(1));
    const record = {
      id: target,
      resolver_addr: state.resolver?.address ?? 0,
      resolver_port: state.resolver?.port ?? 0,
    };
    this.#native.mapUpdate(this.#engine, 'targets', ZERO, layout.target.write(record), 0);
    this.#native.mapStore(this.#engine, 'policies', 0, wordOf(world, table));
  }

  #learn(target: number, addr: number, slot: { name: number; expires: number }[]): void {
    this.#learned.set(target, addr, slot);
    this.#undo.push(() => this.#learned.delete(target, addr));
  }

  ask(question: Question): Told {
    const { query } = question;
    const port = Buffer.alloc(2);
    port.writeUInt16BE(question.port);
    const record = given.write({
      now: query.now,
      socket_name: query.socketName,
      addr: question.address,
      port_be: port,
      proto: question.protocol,
      local: locals.indexOf(query.local),
      ask: asks.indexOf(question.ask),
      stream: question.stream ? 1 : 0,
    });
    this.#native.mapUpdate(this.#engine, 'given', ZERO, record, 0);
    this.#native.testRun(this.#engine, 'tw_test_verdict', question.frame, 1, 0);
    const value = Buffer.alloc(told.size);
    this.#native.mapLookup(this.#engine, 'told', ZERO, value);
    const answer = told.read(value);
    if (answer.ran !== ++this.#ran) throw new Error('the program did not run to its end');
    return { ...readVerdict(answer.verdict), ...answer, passes: answer.passes !== 0 };
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

function wordOf(world: World, table: number): bigint {
  const denies = world.state.cidrs.some((c) => c.permissions.some((p) => p.action === 'deny'));
  const flags =
    (world.mode === 'Observe' ? layout.policyFlags.observe : 0n) |
    (denies ? layout.policyFlags.denyCidr : 0n);
  return (BigInt(table) << 32n) | flags;
}

function cidrLines(table: number, permissions: readonly Permission[]): Buffer {
  return layout.lines.write(linesOf(table, permissions));
}

function cidrKey(table: number, address: number, length: number): Buffer {
  const addr = Buffer.alloc(4);
  addr.writeUInt32BE(address);
  return layout.cidrKey.write({ prefix: 32 + length, table, addr_be: addr });
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
