/**
 * What the backstop decides about a frame that leaves by a target's link, as a pure function: whose socket
 * it is of, and where that has been, or which flow it belongs to.
 */

import type { Mode } from '#policy/types.ts';
import { passes, type Verdict, type VerdictQuery, type VerdictState } from '#policy/verdict.ts';
import { etherType, isLastWord, readFrame, sourceOf } from './frame.ts';
import type { Memory, MemoryRules } from './memory.ts';
import type { FrameStep } from './steps.ts';

/** How things are when the frame comes by. */
export interface Uplink {
  readonly rules: MemoryRules;
  /** Of the frame's socket, if that is the target's. */
  readonly memory: Memory | null;
  readonly table: number;
  readonly now: number;
  readonly state: VerdictState;
  readonly mode: Mode;
  /** Connections without a socket that were let through, with their names. */
  readonly flows: Map<string, number>;
}

export interface Judged {
  readonly passes: boolean;
  /** What makes a row, or counts in one. */
  readonly counts: Verdict | null;
}

const GOES_ON: Judged = { passes: true, counts: null };
const ARP = 0x0806;
const IPV4 = 0x0800;
const TCP = 6;

export function judgeFrame(step: FrameStep, at: Uplink): Judged {
  if (step.link !== 'uplink') return GOES_ON;
  const type = etherType(step.frame);
  if (type === ARP) return GOES_ON;
  if (type !== IPV4) return { passes: false, counts: null };
  return at.memory === null ? ofNoSocket(step, at) : ofSocket(step, at, at.memory);
}

function ofSocket({ frame }: FrameStep, at: Uplink, memory: Memory): Judged {
  const facts = readFrame(frame, memory.stream);
  const plain = !facts.malformed && !facts.ipOptions && !facts.fragment;
  const said = plain && memory.state !== 'new' && at.rules.sameTable(memory, at.table);
  if (said && at.rules.samePlace(memory, facts) && at.rules.inTime(memory, facts.fresh, at.now)) {
    return GOES_ON;
  }
  return judge(at, { ...facts, socketName: at.rules.nameOf(memory, memory.target, facts) });
}

function ofNoSocket({ frame, kernelsOwn }: FrameStep, at: Uplink): Judged {
  if (kernelsOwn && isLastWord(frame)) return GOES_ON;
  const facts = readFrame(frame, true);
  const flow = facts.protocol === TCP ? `${sourceOf(frame)} ${facts.daddr} ${facts.dport}` : null;
  const name = flow === null || facts.fresh ? undefined : at.flows.get(flow);
  const judged = judge(at, { ...facts, fresh: name === undefined, socketName: name ?? 0 });
  if (flow !== null && judged.passes && judged.counts !== null) {
    at.flows.set(flow, judged.counts.name);
  }
  return judged;
}

function judge(at: Uplink, asked: Omit<VerdictQuery, 'hook' | 'local' | 'now'>): Judged {
  const query: VerdictQuery = { ...asked, hook: 'packet', local: 'none', now: at.now };
  // A resolver is never on that side.
  const judged = at.rules.verdict(query, { ...at.state, resolver: null });
  if (judged.allow && !asked.fresh) return GOES_ON;
  return { passes: passes(at.mode, judged), counts: judged };
}
