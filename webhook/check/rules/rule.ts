/**
 * One rule, said twice: for the webhook as a function, for the ValidatingAdmissionPolicy in CEL. They stand
 * side by side so that neither is changed alone, and one table of pods runs against both.
 */
import { quoted } from '#policy/problem.ts';
import type { Asked, Phase } from '../asked.ts';

export interface Rule {
  /** Stable; a test, a runbook or an alert may look for it. */
  readonly code: `TW_ADMIT_${string}`;
  readonly phases: readonly Phase[];
  /** Holds for exempt pods too. */
  readonly evenExempt?: true;
  /** Looks at the barrier's fields, where the first init container is the barrier by its name. */
  readonly ofBarrier?: true;
  /** What is wrong, as a sentence that begins with "it" or "container"; null when nothing is. */
  refuses(asked: Asked): string | null;
  /** The same without names, for a policy whose messages are fixed. */
  readonly sentence: string;
  /** What the reader should do, and who that is. */
  readonly hint: string;
  /** True when nothing is wrong. Variables are those of `cel.ts`. */
  readonly cel: string;
}

/** Names of containers are the author's: shown in quotes, printable, bounded. */
export function named(name: string): string {
  return `container ${quoted(name)}`;
}

export const PLATFORM = 'the team that runs the runners';
