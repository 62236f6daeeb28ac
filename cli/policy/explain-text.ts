/** An explanation as people read it, and as programs do. */
import { portText } from '#policy/destination.ts';
import type { Explanation } from '#policy/explain.ts';
import type { FieldPath } from '#policy/problem.ts';
import type { Step } from '#policy/question.ts';
import type { RulePlace } from '#policy/rule-place.ts';
import { type Io, styled } from './io.ts';

/** Where a field of a document stands, in brackets behind it; null where that says nothing. */
export type Where = (title: string, path: FieldPath) => string | null;

/** @param place where a field stands, as data */
export function explanationJson(
  explanation: Explanation,
  place: (title: string, path: FieldPath) => unknown,
) {
  const rule = ({ rule: name, title, path, match }: RulePlace) => ({
    rule: name,
    match,
    place: place(title, path),
  });
  return {
    ...explanation,
    rule: explanation.rule === null ? null : rule(explanation.rule),
    steps: explanation.steps.map((step) => ({ ...step, rules: step.rules.map(rule) })),
    notSelected: explanation.notSelected.map(({ title, why }) => ({
      document: title,
      why,
      place: place(title, []),
    })),
  };
}

export function printExplanation(explanation: Explanation, where: Where, io: Io): void {
  const { allowed, destination, port, protocol, rule, reason, mode, passes } = explanation;
  const line = (text = '') => io.stdout.write(`${text}\n`);
  const verdict = allowed ? styled(io, 'green', 'allowed') : styled(io, 'red', 'refused');
  line(
    `${verdict}: ${styled(io, 'bold', destination)} on ${portText({ port: port ?? 0, protocol })}`,
  );
  line(`  by ${rule === null ? byNoRule(reason) : ruleText(rule, where)}`);
  if (mode === 'Observe' && !allowed) {
    line(`  mode Observe: it is recorded, and ${passes ? 'let pass' : 'refused all the same'}`);
  }
  line();
  for (const step of explanation.steps) printStep(step, where, io);
  section('hint', explanation.hints);
  section('note', explanation.notes);
  section(
    'not selected',
    explanation.notSelected.map(
      ({ title, why }) => `${title}${inBrackets(where(title, []))}: ${why}`,
    ),
  );

  function section(label: string, sentences: readonly string[]): void {
    if (sentences.length === 0) return;
    line();
    for (const sentence of sentences) line(`${styled(io, 'dim', label)}: ${sentence}`);
  }
}

/** What decides where no rule of a document does. */
export function byNoRule(reason: Explanation['reason']): string {
  return reason === 'default' || reason === 'port' || reason === 'local-service'
    ? 'default: no rule allows it'
    : `what is always denied: ${reason}`;
}

/** Width of the longest question. */
const LABEL = 'packet: allow rules of prefixes  '.length;

function printStep({ stage, question, answer, rules }: Step, where: Where, io: Io): void {
  const label = `${stage}: ${question}`.padEnd(LABEL);
  const texts = rules.map((rule) => ruleText(rule, where));
  const lines = answer === 'matched' ? texts : [answer, ...texts];
  for (const [index, text] of lines.entries()) {
    io.stdout.write(
      `  ${styled(io, 'dim', index === 0 ? label : ' '.repeat(label.length))}${text}\n`,
    );
  }
}

function ruleText({ rule, title, path, match }: RulePlace, where: Where): string {
  return `${match === null ? '' : `${match} in `}${rule}${inBrackets(where(title, path))}`;
}

function inBrackets(place: string | null): string {
  return place === null ? '' : ` (${place})`;
}
