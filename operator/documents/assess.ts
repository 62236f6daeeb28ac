/** Can an object be put in force as it stands? What the API server's schema cannot say is said here. */
import type { TorwachtDocument } from '#api/documents.ts';
import { bare } from '#policy/bundle/content.ts';
import { maxDocument, textOf } from '#policy/bundle/split.ts';
import { checkDocument } from '#policy/check-document.ts';
import { type FieldProblem, fieldName } from '#policy/problem.ts';

/** Why something is not as its author meant it. */
export interface Objection {
  /** UpperCamelCase, as in a condition. */
  readonly reason: string;
  /** Sentences for people: what is wrong, and what to do. */
  readonly message: string;
}

export type Assessment =
  | { readonly document: TorwachtDocument; readonly objection: null }
  | { readonly document: null; readonly objection: Objection };

/** Objects of a cache do not change. */
const assessments = new WeakMap<object, Assessment>();

/** An object as the API server has it; its document is bare, and the same one for the same object. */
export function assess(object: object): Assessment {
  const known = assessments.get(object);
  if (known !== undefined) return known;
  const assessment = assessAnew(object);
  assessments.set(object, assessment);
  return assessment;
}

function assessAnew(object: object): Assessment {
  const { document, problems } = checkDocument(object);
  if (document === null) return { document: null, objection: objectionTo(problems) };
  const written = bare(document);
  const size = textOf(written).length;
  if (size <= maxDocument) return { document: written, objection: null };
  const message = `It has ${size} characters, and ${maxDocument} are the most. Split it into several.`;
  return { document: null, objection: { reason: 'PolicyTooLarge', message } };
}

/** Problems that one message tells. */
const MAX_TOLD = 3;

function objectionTo(problems: readonly FieldProblem[]): Objection {
  const told = problems.slice(0, MAX_TOLD).map(({ path, key, message, hint }) => {
    const field = fieldName(key === undefined ? path : [...path, key]);
    return `${field} ${message}. ${hint}`;
  });
  const more = problems.length - told.length;
  if (more > 0) told.push(`There are ${more} more problems.`);
  return { reason: reasonOf(problems[0]), message: told.join(' ') };
}

function reasonOf(problem: FieldProblem | undefined): string {
  const fields = problem?.path ?? [];
  if (fields.includes('presets')) return 'UnknownPreset';
  if (fields.includes('fqdn')) return 'ImpossibleName';
  return 'InvalidSpec';
}
