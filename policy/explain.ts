/**
 * Which rule decides about a destination, and why: the verdict of the engine's own functions, the steps
 * of the order of decision on the way to it, and what is nearly allowed.
 */
import type { Reason } from '#api/event.ts';
import { compile } from './compile.ts';
import { type DestinationProtocol, hostText } from './destination.ts';
import { steps } from './explain-steps.ts';
import { judgeDestination } from './judge-destination.ts';
import { nearMisses } from './near-misses.ts';
import { type NotSelected, notSelected } from './not-selected.ts';
import type { Question, Step } from './question.ts';
import { type RulePlace, rulePlace } from './rule-place.ts';
import type { Mode } from './types.ts';
import { passes } from './verdict.ts';

/** One question of the order of decision, and its answer. */
export interface Explanation {
  readonly destination: string;
  readonly protocol: DestinationProtocol;
  /** Null for ICMP. */
  readonly port: number | null;
  /** What Block gives. */
  readonly allowed: boolean;
  readonly reason: Reason;
  /** Null where no rule decided: by default, or always denied. */
  readonly rule: RulePlace | null;
  readonly mode: Mode;
  /** May it pass in this mode? Observe lets pass what a policy could allow. */
  readonly passes: boolean;
  readonly steps: readonly Step[];
  /** What would have to be different. */
  readonly hints: readonly string[];
  /** What was assumed, and what cannot be known here. */
  readonly notes: readonly string[];
  readonly notSelected: readonly NotSelected[];
}

/** @throws what `compile` throws */
export function explain(question: Question): Explanation {
  const { documents, identity, options, destination } = question;
  const policy = compile(documents, identity, options);
  const judgement = judgeDestination(policy, destination);
  const { allowed, reason, rule } = judgement;
  const { host } = destination;
  const unselected = notSelected(documents, identity);
  return {
    destination: hostText(host),
    protocol: destination.protocol,
    port: destination.protocol === 'icmp' ? null : destination.port,
    allowed,
    reason,
    rule: rule === 0 ? null : rulePlace(documents, policy, rule, host),
    mode: policy.mode,
    passes: passes(policy.mode, { allow: allowed, reason, rule, name: 0, expires: 0 }),
    steps: steps(question, policy, judgement),
    hints: allowed ? [] : nearMisses(question, policy, judgement, unselected),
    notes: [...destination.notes, ...notesAbout(question, reason)],
    notSelected: unselected,
  };
}

/** What decides by address alone leaves open whether a name has that address. */
const byNoRule: ReadonlySet<Reason> = new Set<Reason>(['default', 'port', 'local-service']);

function notesAbout({ destination }: Question, reason: Reason): readonly string[] {
  const { host } = destination;
  if ('ipv6' in host && host.ipv6 === '::1') {
    return ['Connections of the command to itself over ::1 are let through.'];
  }
  if (!('address' in host) || !byNoRule.has(reason)) return [];
  return [
    reason === 'local-service'
      ? 'This is about services of the host: what the command itself listens on, it reaches.'
      : 'Where an allowed name has this address, the ports of that name are open on it.',
  ];
}
