/**
 * What a socket remembers, and by which rules: `rightRules` are the engine's. A test can get one of them
 * wrong on purpose.
 */
import { type VerdictQuery, verdict } from '#policy/verdict.ts';
import { BUDGET } from './steps.ts';

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

export type Place = Pick<VerdictQuery, 'daddr' | 'dport' | 'protocol'>;

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

export const BLANK: Memory = {
  ...{ target: 0, table: 0, daddr: 0, dport: 0, protocol: 0, state: 'new', expires: 0, name: 0 },
  stream: false,
};
