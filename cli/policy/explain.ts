/** `torwacht policy explain`: which rule decides about a destination, and why. */
import { loadPolicies } from '#agent/bundle/load.ts';
import { exitCodes, failure } from '#api/error.ts';
import {
  type Destination,
  type DestinationProtocol,
  destinationProtocols,
  parseDestination,
  portText,
} from '#policy/destination.ts';
import { errors } from '#policy/errors.ts';
import { type Explanation, explain, type Step } from '#policy/explain.ts';
import type { Loaded } from '#policy/load.ts';
import { type FieldPath, quoted } from '#policy/problem.ts';
import type { RulePlace } from '#policy/rule-place.ts';
import { withErrors } from './arguments.ts';
import { type Io, styled } from './io.ts';
import { placeText, printProblems } from './problems.ts';

/** As commander gives them. */
export interface ExplainFlags {
  readonly policy: string;
  readonly project?: string;
  readonly job?: string;
  readonly protocol?: DestinationProtocol;
  readonly json?: boolean;
}

export const protocolNames = Object.keys(destinationProtocols);

/** A destination that Block refuses. No error, so none of `exitCodes`. */
const REFUSED = 1;

/** Exit code 0 when it is allowed, 1 when it is refused, 2 and 3 as for `policy check`. */
export function explainDestination(text: string, flags: ExplainFlags, io: Io): number {
  return withErrors(io, () => {
    const destination = destinationOf(text, flags.protocol);
    const loaded = loadPolicies(flags.policy);
    if (loaded.problems.length > 0) {
      printProblems(loaded, io, io.stderr);
      return exitCodes.policy;
    }
    const explanation = explain({
      documents: loaded.documents,
      destination,
      // As `torwacht run` compiles them.
      options: { ignoreNamespaces: true, trustIdentity: true },
      identity: {
        namespace: 'default',
        ...(flags.project === undefined ? {} : { project: flags.project }),
        ...(flags.job === undefined ? {} : { job: flags.job }),
      },
    });
    if (flags.json) io.stdout.write(`${JSON.stringify(asJson(explanation, loaded), null, 2)}\n`);
    else print(explanation, loaded, io);
    return explanation.allowed ? 0 : REFUSED;
  });
}

function destinationOf(text: string, protocol: DestinationProtocol | undefined): Destination {
  const destination = parseDestination(text, protocol);
  if (!('message' in destination)) return destination;
  const { message, hint } = destination;
  throw failure(errors.destination, { text: quoted(text), message, hint });
}

/** Where a rule stands, as editors jump to it; null for what no document says. */
function placeOf(loaded: Loaded, title: string, path: FieldPath): string | null {
  const place = loaded.place(title, path);
  return place === null ? null : placeText(place);
}

function asJson(explanation: Explanation, loaded: Loaded) {
  const rule = ({ rule: name, title, path, match }: RulePlace) => ({
    rule: name,
    match,
    place: loaded.place(title, path),
  });
  return {
    ...explanation,
    rule: explanation.rule === null ? null : rule(explanation.rule),
    steps: explanation.steps.map((step) => ({ ...step, rules: step.rules.map(rule) })),
    notSelected: explanation.notSelected.map(({ title, why }) => ({
      document: title,
      why,
      place: loaded.place(title, []),
    })),
  };
}

function print(explanation: Explanation, loaded: Loaded, io: Io): void {
  const { allowed, destination, port, protocol, rule, reason, mode, passes } = explanation;
  const line = (text = '') => io.stdout.write(`${text}\n`);
  const verdict = allowed ? styled(io, 'green', 'allowed') : styled(io, 'red', 'refused');
  line(
    `${verdict}: ${styled(io, 'bold', destination)} on ${portText({ port: port ?? 0, protocol })}`,
  );
  line(`  by ${rule === null ? byNoRule(reason) : ruleText(rule, loaded)}`);
  if (mode === 'Observe' && !allowed) {
    line(`  mode Observe: it is recorded, and ${passes ? 'let pass' : 'refused all the same'}`);
  }
  line();
  for (const step of explanation.steps) printStep(step, loaded, io);
  section('hint', explanation.hints);
  section('note', explanation.notes);
  section(
    'not selected',
    explanation.notSelected.map(
      ({ title, why }) => `${title} (${placeOf(loaded, title, []) ?? ''}): ${why}`,
    ),
  );

  function section(label: string, sentences: readonly string[]): void {
    if (sentences.length === 0) return;
    line();
    for (const sentence of sentences) line(`${styled(io, 'dim', label)}: ${sentence}`);
  }
}

function byNoRule(reason: Explanation['reason']): string {
  return reason === 'default' || reason === 'port' || reason === 'local-service'
    ? 'default: no rule allows it'
    : `what is always denied: ${reason}`;
}

/** Width of the longest question. */
const LABEL = 'packet: allow rules of prefixes  '.length;

function printStep({ stage, question, answer, rules }: Step, loaded: Loaded, io: Io): void {
  const label = `${stage}: ${question}`.padEnd(LABEL);
  const texts = rules.map((rule) => ruleText(rule, loaded));
  const lines = answer === 'matched' ? texts : [answer, ...texts];
  for (const [index, text] of lines.entries()) {
    io.stdout.write(
      `  ${styled(io, 'dim', index === 0 ? label : ' '.repeat(label.length))}${text}\n`,
    );
  }
}

function ruleText({ rule, title, path, match }: RulePlace, loaded: Loaded): string {
  const place = placeOf(loaded, title, path);
  return `${match === null ? '' : `${match} in `}${rule}${place === null ? '' : ` (${place})`}`;
}
