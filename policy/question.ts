/** What is asked of policies, and one step of the answer. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { CompileOptions } from './compile.ts';
import type { Destination } from './destination.ts';
import type { RulePlace } from './rule-place.ts';
import type { Identity } from './types.ts';

export interface Question {
  readonly documents: readonly TorwachtDocument[];
  readonly identity: Identity;
  readonly options: CompileOptions;
  readonly destination: Destination;
}

export interface Step {
  readonly stage: 'lookup' | 'packet';
  readonly question: string;
  readonly answer: string;
  /** Rules that the answer is about. */
  readonly rules: readonly RulePlace[];
}
