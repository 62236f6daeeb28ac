/** Our own objects: what a schema cannot say, as refusals and as warnings that kubectl prints. */

import { escapeText } from '#api/escape.ts';
import type { AllowRule, DenyRule } from '#api/rule.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { checkDocument } from '#policy/check-document.ts';
import { fieldName } from '#policy/problem.ts';
import { judgeBinding } from './binding.ts';
import { judgeName, judgePorts, judgePrefix, type Saying } from './names.ts';
import { shadowed } from './shadowed.ts';
import type { World } from './world.ts';

export interface Judgement {
  /** Why it is refused; null where it is not. */
  readonly message: string | null;
  readonly warnings: readonly string[];
}

/** Problems of one object that are told. */
const MAX_PROBLEMS = 5;

/** @param before the object that it replaces, if any; what is wrong with that is not told */
export function judgeObject(object: unknown, before: unknown, world: World): Judgement {
  const { document, problems: shape } = checkDocument(object);
  if (document === null) {
    return refused(
      shape.map(({ path, key, message, hint }) => {
        return `${fieldName(key === undefined ? path : [...path, key])}: ${message}. ${hint}`;
      }),
    );
  }
  const problems: string[] = [];
  const warnings: string[] = [];
  const saying = (place: string): Saying => ({
    problem: (sentence) => problems.push(place + sentence),
    warning: (sentence) => warnings.push(place + sentence),
  });
  if (document.kind === 'RunnerBinding') {
    judgeBinding(document, earlier(before), world.all(), saying(''));
  } else judgeRules(document.spec, saying);
  return { ...refused(problems), warnings: warnings.map(escapeText) };
}

function refused(problems: readonly string[]): Judgement {
  if (problems.length === 0) return { message: null, warnings: [] };
  const more = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS).join(' ');
  return { message: escapeText(more > 0 ? `${shown} And ${more} more.` : shown), warnings: [] };
}

function earlier(before: unknown): RunnerBinding | null {
  const { document } = checkDocument(before);
  return document?.kind === 'RunnerBinding' ? document : null;
}

interface Rules {
  readonly allow?: readonly AllowRule[] | undefined;
  readonly deny?: readonly DenyRule[] | undefined;
}

function judgeRules(spec: Rules, saying: (place: string) => Saying): void {
  for (const [index, rule] of (spec.allow ?? []).entries()) {
    const place = `spec.allow[${index}]`;
    for (const name of rule.fqdn ?? []) judgeName(name, saying(`${place}: `));
    for (const prefix of rule.cidr ?? []) judgePrefix(prefix, saying(`${place}: `));
    judgePorts(rule, saying(`${place}: `));
  }
  for (const { rule, by } of shadowed(spec)) {
    const effect = by.startsWith('deny') ? 'never holds' : 'adds nothing';
    saying('').warning(`spec.allow[${rule}] ${effect}: spec.${by} says so already`);
  }
}
