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
import { judgeFrame } from './backstop.ts';
import { type FrameFacts, isPlain, readFrame } from './frame.ts';
import { BLANK, type Memory, type MemoryRules, type Place, rightRules } from './memory.ts';
import { deniesPrefix, MAX_LEFT } from './program-side.ts';
import { readAddress } from './questions.ts';
import {
  type AddressStep,
  BUDGET,
  type ChangeStep,
  type FrameStep,
  type PacketStep,
  type QuestionStep,
  type SocketKind,
  type StartStep,
} from './steps.ts';
import type { World } from './worlds.ts';

export interface Outcome {
  readonly passes: boolean;
  /** Refusals in rows so far. */
  readonly counted: number;
  /** The same of what was allowed. */
  readonly allowed: number;
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

const UDP = 17;
const transports: ReadonlySet<number> = new Set([6, UDP]);
/** The second address of the barrier's probes, which the address hooks leave to the packet hook. */
const PROBE_OF_PACKETS = constantAddress('192.0.2.253');

export class Model {
  readonly #rules: MemoryRules;
  readonly #shape: StartStep['shape'];
  readonly #kinds: readonly SocketKind[];
  readonly #flags: StartStep['flags'];
  readonly #own: readonly number[];
  readonly #memories = new Map<number, Memory>();
  #flows = new Map<string, number>();
  #world: World;
  #learned: Map<number, readonly Learned[]>;
  #table = 1;
  #target = 1;
  #now: number;
  #counted = 0;
  #allowed = 0;
  #queryTime = 0n;

  constructor(start: StartStep, rules = rightRules) {
    this.#rules = rules;
    this.#shape = start.shape;
    this.#world = start.world;
    this.#learned = new Map(start.world.state.learned);
    this.#now = start.world.now;
    this.#kinds = start.sockets;
    this.#flags = start.flags;
    this.#own = start.own;
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
      this.#flows = new Map();
    }
  }

  ask(step: QuestionStep): Outcome {
    if (step.do === 'frame') return this.#frame(step);
    return step.do === 'packet' ? this.#packet(step) : this.#address(step);
  }

  #packet(step: PacketStep): Outcome {
    const kind = this.#kinds[step.socket - 1];
    const known = this.#memories.get(step.socket) ?? null;
    const facts = readFrame(step.frame, known?.stream ?? false);
    if (known !== null && isPlain(step.frame) && known.table !== 0) {
      const short = this.#shortWay(known, facts, step);
      if (short !== null) return short;
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
    // Of a nested container; the redirect stands on its way, and behind that our resolver.
    if (this.#flags.backstop && judged.reason === 'dns-server') {
      return this.#spendQuery() ? this.#outcome(true, memory) : this.#beyondBudget(memory);
    }
    // What does not lead out is no way out, and the backstop stands at what does.
    const inner = this.#flags.backstop && step.link !== 'uplink';
    if (!judged.allow && inner) return this.#outcome(true, memory);
    return this.#judged(judged, memory, query);
  }

  #frame(step: FrameStep): Outcome {
    const known = this.#memories.get(step.socket) ?? null;
    const { passes: goesOn, counts } = judgeFrame(step, {
      ...{ rules: this.#rules, table: this.#table, now: this.#now, flows: this.#flows },
      ...{ state: this.#state, mode: this.#world.mode },
      memory: known?.target === this.#target ? known : null,
    });
    if (counts !== null) this.#count(counts);
    return this.#outcome(goesOn, known ?? (step.socket === 0 ? null : BLANK));
  }

  #address(step: AddressStep): Outcome {
    const { address, port, socket } = step;
    const memory = this.#memories.get(socket) ?? { ...BLANK };
    this.#memories.set(socket, memory);
    const sentTo = { daddr: address.readUInt32BE(12), dport: port };
    if (memory.target !== this.#target && !step.inTarget) {
      return { ...this.#outcome(false, memory), sentTo };
    }
    this.#take(memory);
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
    if (ownNetns && family === 4 && this.#own.includes(daddr)) return true;
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
    if (step.link !== 'loopback') return 'none';
    if (this.#flags.ownNetns) return 'own';
    if (facts.malformed || facts.fragment) return 'foreign';
    if (!transports.has(facts.protocol)) return 'foreign';
    return step.peer === 'foreign' ? 'foreign' : 'own';
  }

  /** nftables has sent it there, whatever address it was for. */
  #isOwnResolver(facts: FrameFacts, { link }: PacketStep): boolean {
    if (!this.#flags.ownNetns || link !== 'loopback') return false;
    if (facts.malformed || facts.fragment) return false;
    return transports.has(facts.protocol) && facts.dport === this.#world.state.resolver?.port;
  }

  #holds(memory: Memory, facts: Place & Pick<FrameFacts, 'fresh'>): boolean {
    return (
      this.#rules.samePlace(memory, facts) &&
      this.#rules.sameTable(memory, this.#table) &&
      this.#rules.inTime(memory, facts.fresh, this.#now)
    );
  }

  #shortWay(memory: Memory, facts: FrameFacts, step: PacketStep): Outcome | null {
    if (this.#holds(memory, facts)) return this.#passed(memory, step, facts);
    const first = this.#firstName(memory, facts, step);
    if (first === undefined) return null;
    if (this.#shape === 'called') remember(memory, facts, first);
    // Without a call nothing can be remembered; a connection must be, so it goes the whole way.
    else if (memory.stream) return null;
    return this.#passed(memory, step, facts, first);
  }

  /** The first name of a learned address, if it allows and nothing else has to be looked at. */
  #firstName(memory: Memory, facts: FrameFacts, step: PacketStep): Learned | undefined {
    const { daddr, dport, protocol } = facts;
    const first = this.#learned.get(daddr)?.[0];
    if (step.link === 'loopback' || memory.table !== this.#table) return undefined;
    if (deniesPrefix(this.#world.state)) return undefined;
    if (deniedPrefixes.some((prefix) => contains(prefix, daddr))) return undefined;
    if (!transports.has(protocol) || deniedPorts.has(dport)) return undefined;
    if (first === undefined || this.#now >= first.expires) return undefined;
    const lines = this.#world.state.names.get(first.name) ?? [];
    return firstMatch(lines, protocol, dport)?.action === 'allow' ? first : undefined;
  }

  /** What passed by memory, held against what a verdict would say. */
  #passed(memory: Memory, step: PacketStep, facts: FrameFacts, by: Learned = memory): Outcome {
    const judged = verdict(this.#query(facts, step, memory), this.#state);
    const { name, expires } = by;
    const slots = this.#learned.get(facts.daddr) ?? [];
    const stands = slots.some((slot) => slot.name === name && slot.expires >= expires);
    const learnedAnew = name !== 0 && this.#now < expires && !stands;
    const justified = passes(this.#world.mode, judged) || learnedAnew;
    return { ...this.#outcome(true, memory), justified };
  }

  #toResolver(memory: Memory | null): Outcome {
    if (this.#spendQuery()) return { ...this.#outcome(true, memory), marked: true };
    return this.#beyondBudget(memory);
  }

  #beyondBudget(memory: Memory | null): Outcome {
    this.#counted += 1;
    return this.#outcome(false, memory);
  }

  /** Takes one query out of the budget, if it has one. */
  #spendQuery(): boolean {
    const now = bootNs(this.#now);
    const ahead = this.#queryTime - now;
    const time = ahead > 0n ? this.#queryTime : now;
    if (!this.#rules.withinBudget(time, now)) return false;
    this.#queryTime = time + BUDGET.interval;
    return true;
  }

  #count({ allow, reason }: Verdict): void {
    if (allow) this.#allowed += 1;
    // The barrier's probes make no row.
    else if (reason !== 'probe') this.#counted += 1;
  }

  #judged(judged: Verdict, memory: Memory | null, query: VerdictQuery): Outcome {
    // A connection that goes on was counted when it was opened.
    if (!judged.allow || query.fresh) this.#count(judged);
    if (!passes(this.#world.mode, judged)) return this.#outcome(false, memory);
    if (memory === null) return this.#outcome(true, null);
    this.#take(memory);
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
  #take(memory: Memory): void {
    if (memory.target === this.#target) return;
    Object.assign(memory, { target: this.#target, table: 0, name: 0 });
  }

  #outcome(passes: boolean, memory: Memory | null): Outcome {
    const [counted, allowed] = [this.#counted, this.#allowed];
    const kept = memory === null ? null : { ...memory };
    return { passes, counted, allowed, marked: false, sentTo: null, memory: kept, justified: true };
  }
}

function remember(memory: Memory, { daddr, dport, protocol }: Place, { expires, name }: Learned) {
  Object.assign(memory, { daddr, dport, protocol, state: 'allowed', expires, name });
}

/** Of what is neither TCP nor UDP no listener is known. */
function listenerOf({ protocol, peer }: AddressStep): AddressStep['peer'] {
  return transports.has(protocol) ? peer : 'foreign';
}

/** The clock of budgets runs with that of expiries. */
export function bootNs(tick: number): bigint {
  return BigInt(tick) * 64_000_000n;
}
