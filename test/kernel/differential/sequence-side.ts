/** A side of the comparison that goes through a sequence: sockets that remember, time that passes. */
import * as layout from '#bpf/layout.ts';
import type { Memory } from './memory.ts';
import { bootNs, type Outcome } from './model.ts';
import { ProgramSide, u16be } from './program-side.ts';
import type { Programs } from './programs.ts';
import { SMALLEST } from './questions.ts';
import { asks, flowKey, shown, testSocket } from './shapes.ts';
import {
  type AddressStep,
  BUDGET,
  type ChangeStep,
  type Peer,
  type QuestionStep,
  type Shape,
  type StartStep,
} from './steps.ts';

/** What of an outcome a program tells. */
export type Seen = Omit<Outcome, 'justified'>;

const CGROUP = 77n;
const FOREIGN_CGROUP = 78n;
/** TW_TEST_LEVEL */
const LEVEL = 3;
const MARK = 0x7e57;
const PEERS: Record<Peer, number> = { none: 0, own: 7, foreign: 8 };
const flagNames = ['ownNetns', 'redirect', 'backstop'] as const;
/** All places for uplinks are looked at. */
const LAST_PLACE = [false, false, false, true];
const STATES = ['new', 'allowed', 'observed'] as const;
const PROGRAMS = {
  packet: { called: 'tw_test_packet', direct: 'tw_test_direct' },
  address: { called: 'tw_test_address', direct: 'tw_test_address' },
  frame: { called: 'tw_test_frame', direct: 'tw_test_frame' },
} as const;

/** Indexes of interfaces that are not loopback's; no packet is sent. */
export interface Links {
  readonly uplink: number;
  readonly inner: number;
}

export class SequenceSide {
  readonly #side: ProgramSide;
  readonly #links: Links;
  #now = 0;
  #record = {};
  #shape: Shape = 'called';
  #firstTarget = 0;
  #firstTable = 0;

  constructor(programs: Programs, links: Links) {
    this.#side = new ProgramSide(programs, 'verdict.bpf.o');
    this.#links = links;
    this.#side.publish(CGROUP);
    this.#side.putUplink(links.uplink);
  }

  start(step: StartStep): void {
    this.#now = step.world.now;
    this.#shape = step.shape;
    this.#record = {
      cgroup_id: CGROUP,
      level: LEVEL,
      flags: flagNames.reduce(
        (all, name) => all | (step.flags[name] ? layout.targetFlags[name] : 0),
        0,
      ),
      uplink: LAST_PLACE.map((last) => ({ value: last ? this.#links.uplink : 0 })),
      own: step.own.map((value) => ({ value })),
      mark: MARK,
      query_interval: Number(BUDGET.interval),
      query_burst: BUDGET.burst,
    };
    this.#side.enter(step.world, this.#record);
    this.#firstTarget = this.#side.target;
    this.#firstTable = this.#side.table;
    this.#side.put('accounts', 0, Buffer.alloc(layout.account.size));
    for (const [i, { type, protocol, stream, owned }] of step.sockets.entries()) {
      const sk = shown.write({ type, protocol });
      const state = owned ? { target: this.#side.target, stream: stream ? 1 : 0 } : null;
      this.#put(i + 1, CGROUP, state, sk);
    }
    this.#putPeers();
  }

  change(step: ChangeStep): void {
    if (step.do === 'time') this.#now += step.ticks;
    else if (step.do === 'learn') this.#side.learn(step.address, step.slots);
    else if (step.do === 'policy') this.#side.setPolicy(step.world);
    else {
      this.#side.newTarget(step.world, this.#record);
      this.#putPeers();
    }
  }

  ask(step: QuestionStep): Seen {
    const shared = {
      boot_ns: bootNs(this.#now),
      cgroup: step.inTarget ? CGROUP : FOREIGN_CGROUP,
      now: this.#now,
      socket: step.socket,
      peer: PEERS[step.peer],
      kernels_own: 0,
    };
    const address = step.do === 'address';
    const record = { ...shared, ...(address ? addressRecord(step) : {}) };
    if (step.do === 'frame') {
      record.kernels_own = step.kernelsOwn ? 1 : 0;
      this.#side.willFlow(this.#flowOf(step.frame));
    }
    const frame = address ? SMALLEST : step.frame;
    const ifindex = address ? 0 : { ...this.#links, loopback: 0 }[step.link];
    const told = this.#side.tell(PROGRAMS[step.do][this.#shape], record, frame, ifindex);
    return {
      passes: told.passes !== 0,
      counted: Number(told.overflow),
      allowed: Number(told.allowed_overflow),
      marked: told.mark === MARK,
      sentTo: address ? { daddr: told.daddr, dport: told.dport } : null,
      memory: step.socket === 0 ? null : this.#memory(told.state),
    };
  }

  close(): void {
    this.#side.close();
  }

  /** Of a frame that is cut off it is no flow's, and no flow is forgotten. */
  #flowOf(frame: Buffer): Buffer {
    const ports = frame.length < 38 ? [0, 0] : [frame.readUInt16BE(34), frame.readUInt16BE(36)];
    return flowKey.write({
      target: this.#side.target,
      saddr: frame.subarray(26, 30),
      daddr: frame.subarray(30, 34),
      sport: ports[0] ?? 0,
      dport: ports[1] ?? 0,
    });
  }

  /** One listener of the target, one of someone else; the latter was never seen by a hook. */
  #putPeers(): void {
    this.#put(PEERS.own, CGROUP, { target: this.#side.target });
    this.#put(PEERS.foreign, FOREIGN_CGROUP, null);
  }

  #put(
    socket: number,
    cgroup: bigint,
    state: Parameters<typeof layout.sock.write>[0] | null,
    sk = shown.write({}),
  ): void {
    const stored = state === null ? 0n : 1n;
    const value = testSocket.write({ sk, state: layout.sock.write(state ?? {}), cgroup, stored });
    this.#side.put('test_sockets', socket - 1, value);
  }

  #memory(bytes: Buffer): Memory {
    const state = layout.sock.read(bytes);
    const { target, table, daddr, dport, proto, expires, name } = state;
    return {
      target: target === 0 ? 0 : (target - this.#firstTarget) / 2 + 1,
      table: table === 0 ? 0 : table - this.#firstTable + 1,
      ...{ daddr, dport, protocol: proto, expires, name },
      state: STATES[state.state] ?? 'new',
      stream: state.stream !== 0,
    };
  }
}

function addressRecord({ ask, address, port, protocol, hook }: AddressStep) {
  return {
    addr: address,
    port_be: u16be(port),
    proto: protocol,
    ask: asks.indexOf(ask),
    hook: layout.hooks.indexOf(hook),
  };
}
