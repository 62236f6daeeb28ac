/**
 * What the hooks do over time, as a pure function of steps: a target, its sockets and what they remember,
 * a policy that changes, addresses that are learned and expire. Decisions are policy/verdict.ts; here is
 * what a socket's memory adds to it. `rules` are the parts of that memory that a test can get wrong on
 * purpose.
 */
import { deniedPorts, deniedPrefixes } from '#policy/always-denied.ts';
import { constantAddress, contains } from '#policy/cidr.ts';
import { firstMatch } from '#policy/permissions.ts';
import { type Learned, passes, type Verdict, type VerdictQuery, verdict } from '#policy/verdict.ts';
import { type FrameFacts, isPlain, readFrame } from './frame.ts';
import { deniesPrefix, MAX_LEFT } from './program-side.ts';
import { readAddress } from './questions.ts';
import {
  type AddressStep,
  BUDGET,
  type ChangeStep,
  type PacketStep,
  type QuestionStep,
  type SocketKind,
  type StartStep,
} from './steps.ts';
import type { World } from './worlds.ts';

/** `table` and `target` count from the sequence's first. */
export interface Memory {
  target: number;
  table: number;
  daddr: number;
  dport: number;
  protocol: number;
  state: 'new' | 'allowed' | 'observed';
  /** Tick; 0 for never. */
  expires: number;
  name: number;
  stream: boolean;
}

export interface Outcome {
  readonly passes: boolean;
  /** Rows so far. */
  readonly counted: number;
  /** It went to the resolver, within the budget. */
  readonly marked: boolean;
  /** Where an address hook lets it go: where it was to go, or to the resolver. */
  readonly sentTo: { readonly daddr: number; readonly dport: number } | null;
  readonly memory: Memory | null;
  /**
   * Of what passed by memory: a verdict of this moment would let it pass as well, or the address was
   * learned for other names since, and what the socket was told before has not yet expired.
   */
  readonly justified: boolean;
}

type Place = Pick<FrameFacts, 'daddr' | 'dport' | 'protocol'>;

export interface MemoryRules {
  samePlace(memory: Memory, place: Place): boolean;
  sameTable(memory: Memory, table: number): boolean;
  inTime(memory: Memory, fresh: boolean, now: number): boolean;
  /** The name that an open connection to this place is judged by. */
  nameOf(memory: Memory, target: number, place: Place): number;
  /** When what was allowed by a name ends for new connections; `left` ticks from now, 0: by then it has. */
  endOf(now: number, left: number): number;
  /** What a connect may rely on. */
  isAllowed(memory: Memory): boolean;
  withinBudget(time: bigint, now: bigint): boolean;
  readonly verdict: typeof verdict;
}

const samePlace = (memory: Memory, place: Place): boolean =>
  memory.daddr === place.daddr &&
  memory.dport === place.dport &&
  memory.protocol === place.protocol;

export const rightRules: MemoryRules = {
  samePlace,
  sameTable: (memory, table) => memory.table === table,
  inTime: (memory, fresh, now) => memory.expires === 0 || !fresh || now < memory.expires,
  nameOf: (memory, target, place) =>
    memory.target === target && samePlace(memory, place) ? memory.name : 0,
  endOf: (now, left) => now + left,
  isAllowed: (memory) => memory.state === 'allowed',
  withinBudget: (time, now) => time - now <= BUDGET.burst,
  verdict,
};

const UDP = 17;
const transports: ReadonlySet<number> = new Set([6, UDP]);
/** The second address of the barrier's probes, which the address hooks leave to the packet hook. */
const PROBE_OF_PACKETS = constantAddress('192.0.2.253');
const BLANK: Memory = {
  ...{ target: 0, table: 0, daddr: 0, dport: 0, protocol: 0, state: 'new', expires: 0, name: 0 },
  stream: false,
};

export class Model {
  readonly #rules: MemoryRules;
  readonly #kinds: readonly SocketKind[];
  readonly #flags: { readonly ownNetns: boolean; readonly redirect: boolean };
  readonly #memories = new Map<number, Memory>();
  #world: World;
  #learned: Map<number, readonly Learned[]>;
  #table = 1;
  #target = 1;
  #now: number;
  #counted = 0;
  #queryTime = 0n;

  constructor(start: StartStep, rules = rightRules) {
    this.#rules = rules;
    this.#world = start.world;
    this.#learned = new Map(start.world.state.learned);
    this.#now = start.world.now;
    this.#kinds = start.sockets;
    this.#flags = start.flags;
    for (const [i, socket] of start.sockets.entries()) {
      if (!socket.owned) continue;
      this.#memories.set(i + 1, { ...BLANK, target: 1, stream: socket.stream });
    }
  }

  change(step: ChangeStep): void {
    if (step.do === 'time') this.#now += step.ticks;
    else if (step.do === 'learn') this.#learned.set(step.address, step.slots);
    else {
      this.#world = step.world;
      this.#table += 1;
      if (step.do === 'policy') return;
      this.#target += 1;
      this.#learned.clear();
    }
  }

  ask(step: QuestionStep): Outcome {
    return step.do === 'packet' ? this.#packet(step) : this.#address(step);
  }

  #packet(step: PacketStep): Outcome {
    const kind = this.#kinds[step.socket - 1];
    const known = this.#memories.get(step.socket) ?? null;
    const facts = readFrame(step.frame, known?.stream ?? false);
    if (known !== null && isPlain(step.frame) && known.table !== 0) {
      const short = () => this.#shortWay(known, facts, step);
      if (this.#holds(known, facts) || short()) return this.#passed(known, step, facts);
    }
    const memory = kind === undefined ? null : (known ?? { ...BLANK, stream: kind.stream });
    if (memory !== null) this.#memories.set(step.socket, memory);
    if (memory?.target !== this.#target && !step.inTarget) return this.#outcome(false, memory);
    return this.#decide(step, memory);
  }

  /** The whole way. */
  #decide(step: PacketStep, memory: Memory | null): Outcome {
    const query = this.#query(readFrame(step.frame, memory?.stream ?? false), step, memory);
    if (this.#isOwnResolver(query, step)) return this.#toResolver(memory);
    const judged = this.#rules.verdict(query, this.#state);
    if (judged.reason === 'local') return this.#outcome(true, memory);
    if (judged.reason === 'resolver') return this.#toResolver(memory);
    return this.#judged(judged, memory, query);
  }

  #address(step: AddressStep): Outcome {
    const { address, port, socket } = step;
    const memory = this.#memories.get(socket) ?? { ...BLANK };
    this.#memories.set(socket, memory);
    const sentTo = { daddr: address.readUInt32BE(12), dport: port };
    if (memory.target !== this.#target && !step.inTarget) {
      return { ...this.#outcome(false, memory), sentTo };
    }
    this.#own(memory);
    memory.stream = this.#kinds[socket - 1]?.type === 1 && step.protocol === 6;
    if (!this.#redirects(step)) return { ...this.#destination(step, memory), sentTo };
    const { resolver } = this.#world.state;
    const asked = { daddr: resolver?.address ?? 0, dport: resolver?.port ?? 0 };
    return { ...this.#outcome(true, memory), sentTo: asked };
  }

  #redirects({ address, ask, port, protocol }: AddressStep): boolean {
    const { family } = readAddress(address, ask);
    return this.#flags.redirect && port === 53 && family === 4 && transports.has(protocol);
  }

  #destination(step: AddressStep, memory: Memory): Outcome {
    if (this.#isLeftToPackets(step)) return this.#outcome(true, memory);
    const { family, daddr, loopback } = readAddress(step.address, step.ask);
    const { protocol, port: dport } = step;
    const place = { daddr, dport, protocol };
    const foreign = loopback && listenerOf(step) === 'foreign';
    if (family === 4 && memory.table !== 0 && this.#rules.isAllowed(memory)) {
      if (this.#holds(memory, { ...place, fresh: true })) return this.#outcome(true, memory);
    }
    const query: VerdictQuery = {
      ...{ hook: step.hook, family, ...place, local: foreign ? 'foreign' : 'none' },
      ...{ malformed: false, ipOptions: false, fragment: false, fresh: true },
      ...{ now: this.#now, socketName: 0 },
    };
    const judged = this.#rules.verdict(query, this.#state);
    if (judged.reason === 'resolver') return this.#outcome(true, memory);
    // Perhaps an address of this host: the packet hook knows.
    const own = !this.#flags.ownNetns && !loopback && listenerOf(step) === 'own';
    if (!judged.allow && own) return this.#outcome(true, memory);
    return this.#judged(judged, memory, query);
  }

  /** What an address hook cannot decide, and the packet hook will. */
  #isLeftToPackets(step: AddressStep): boolean {
    const { family, daddr, loopback } = readAddress(step.address, step.ask);
    const { ownNetns, redirect } = this.#flags;
    if (loopback && (ownNetns || listenerOf(step) !== 'foreign')) return true;
    if (family === 4 && daddr === PROBE_OF_PACKETS && step.protocol === UDP) return true;
    return !redirect && step.port === 53;
  }

  get #state() {
    return { ...this.#world.state, learned: this.#learned };
  }

  #query(facts: FrameFacts, step: PacketStep, memory: Memory | null): VerdictQuery {
    const socketName = memory === null ? 0 : this.#rules.nameOf(memory, this.#target, facts);
    return {
      ...facts,
      hook: 'packet',
      local: this.#local(facts, step),
      socketName,
      now: this.#now,
    };
  }

  #local(facts: FrameFacts, step: PacketStep): VerdictQuery['local'] {
    if (!step.loopback) return 'none';
    if (this.#flags.ownNetns) return 'own';
    if (facts.malformed || facts.fragment) return 'foreign';
    if (!transports.has(facts.protocol)) return 'foreign';
    return step.peer === 'foreign' ? 'foreign' : 'own';
  }

  /** nftables has sent it there, whatever address it was for. */
  #isOwnResolver(facts: FrameFacts, { loopback }: PacketStep): boolean {
    if (!this.#flags.ownNetns || !loopback || facts.malformed || facts.fragment) return false;
    return transports.has(facts.protocol) && facts.dport === this.#world.state.resolver?.port;
  }

  #holds(memory: Memory, facts: Place & Pick<FrameFacts, 'fresh'>): boolean {
    return (
      this.#rules.samePlace(memory, facts) &&
      this.#rules.sameTable(memory, this.#table) &&
      this.#rules.inTime(memory, facts.fresh, this.#now)
    );
  }

  /** The first name of a learned address allows, and nothing else has to be looked at. */
  #shortWay(memory: Memory, facts: FrameFacts, step: PacketStep): boolean {
    const { daddr, dport, protocol } = facts;
    const first = this.#learned.get(daddr)?.[0];
    if (step.loopback || memory.table !== this.#table || deniesPrefix(this.#world.state))
      return false;
    if (deniedPrefixes.some((prefix) => contains(prefix, daddr))) return false;
    if (!transports.has(protocol) || deniedPorts.has(dport)) return false;
    if (first === undefined || this.#now >= first.expires) return false;
    const lines = this.#world.state.names.get(first.name) ?? [];
    if (firstMatch(lines, protocol, dport)?.action !== 'allow') return false;
    Object.assign(memory, { daddr, dport, protocol, state: 'allowed' });
    Object.assign(memory, { expires: first.expires, name: first.name });
    return true;
  }

  /** What passed by memory, held against what a verdict would say. */
  #passed(memory: Memory, step: PacketStep, facts: FrameFacts): Outcome {
    const judged = verdict(this.#query(facts, step, memory), this.#state);
    const { name, expires, daddr } = memory;
    const slots = this.#learned.get(daddr) ?? [];
    const stands = slots.some((slot) => slot.name === name && slot.expires >= expires);
    const learnedAnew = name !== 0 && this.#now < expires && !stands;
    const justified = passes(this.#world.mode, judged) || learnedAnew;
    return { ...this.#outcome(true, memory), justified };
  }

  #toResolver(memory: Memory | null): Outcome {
    const now = bootNs(this.#now);
    const ahead = this.#queryTime - now;
    const time = ahead > 0n ? this.#queryTime : now;
    if (!this.#rules.withinBudget(time, now)) {
      this.#counted += 1;
      return this.#outcome(false, memory);
    }
    this.#queryTime = time + BUDGET.interval;
    return { ...this.#outcome(true, memory), marked: true };
  }

  #judged(judged: Verdict, memory: Memory | null, query: VerdictQuery): Outcome {
    // The barrier's probes make no row.
    if (!judged.allow && judged.reason !== 'probe') this.#counted += 1;
    if (!passes(this.#world.mode, judged)) return this.#outcome(false, memory);
    if (memory === null) return this.#outcome(true, null);
    this.#own(memory);
    const { daddr, dport, protocol } = query;
    Object.assign(memory, { daddr, dport, protocol, table: this.#table });
    if (judged.allow) {
      const left = judged.expires === 0 ? 0 : Math.min(judged.expires - this.#now, MAX_LEFT);
      memory.state = 'allowed';
      memory.expires = judged.name === 0 ? 0 : this.#rules.endOf(this.#now, left);
      memory.name = judged.name;
    } else Object.assign(memory, { state: 'observed', expires: 0, name: 0 });
    return this.#outcome(true, memory);
  }

  /** What a socket remembers of another target is void. */
  #own(memory: Memory): void {
    if (memory.target === this.#target) return;
    Object.assign(memory, { target: this.#target, table: 0, name: 0 });
  }

  #outcome(passes: boolean, memory: Memory | null): Outcome {
    const counted = this.#counted;
    const kept = memory === null ? null : { ...memory };
    return { passes, counted, marked: false, sentTo: null, memory: kept, justified: true };
  }
}

/** Of what is neither TCP nor UDP no listener is known. */
function listenerOf({ protocol, peer }: AddressStep): AddressStep['peer'] {
  return transports.has(protocol) ? peer : 'foreign';
}

/** The clock of budgets runs with that of expiries. */
export function bootNs(tick: number): bigint {
  return BigInt(tick) * 64_000_000n;
}
