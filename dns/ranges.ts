/**
 * Which addresses an answer from outside may name. A name whose owner points it inside is how rebinding
 * reaches what only the job's host can reach.
 */
import { deniedPrefixes } from '#policy/always-denied.ts';
import { contains, rangeKind } from '#policy/cidr.ts';

/** `always`: no rule can open it. `inside`: refused unless the name's rule says `private: true`. */
export type AnswerRange = 'always' | 'inside' | 'public';

/** @param address IPv4 in host order, unsigned. */
export function answerRange(address: number): AnswerRange {
  if (deniedPrefixes.some((prefix) => contains(prefix, address))) return 'always';
  return rangeKind(address) === null ? 'public' : 'inside';
}
