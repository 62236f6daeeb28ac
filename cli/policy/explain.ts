/** `torwacht policy explain`: which rule decides about a destination, and why. */
import { loadPolicies } from '#agent/bundle/load.ts';
import { exitCodes, failure } from '#api/error.ts';
import {
  type Destination,
  type DestinationProtocol,
  destinationProtocols,
  parseDestination,
} from '#policy/destination.ts';
import { errors } from '#policy/errors.ts';
import { explain } from '#policy/explain.ts';
import type { Loaded } from '#policy/load.ts';
import { type FieldPath, quoted } from '#policy/problem.ts';
import { withErrors } from './arguments.ts';
import { explanationJson, printExplanation } from './explain-text.ts';
import type { Io } from './io.ts';
import { placeText, printProblems } from './problems.ts';

/** As commander gives them. */
export interface ExplainFlags {
  readonly policy: string;
  readonly project?: string;
  readonly job?: string;
  readonly process?: string;
  readonly protocol?: DestinationProtocol;
  readonly json?: boolean;
}

export const protocolNames = Object.keys(destinationProtocols);

/** Exit status of a destination that Block refuses. No error, so none of `exitCodes`. */
export const REFUSED = 1;

/** Exit code 0 when it is allowed, 1 when it is refused, 2 and 3 as for `policy check`. */
export function explainDestination(text: string, flags: ExplainFlags, io: Io): number {
  return withErrors(io, () => {
    const destination = destinationOf(text, flags.protocol);
    const loaded = loadPolicies(flags.policy);
    if (loaded.problems.length > 0) {
      printProblems(loaded, io, io.stderr);
      return exitCodes.policy;
    }
    const explained = explain({
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
    const explanation = {
      ...explained,
      notes: [...explained.notes, ...aboutProcess(flags.process)],
    };
    const told = explanationJson(explanation, loaded.place);
    if (flags.json) io.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
    else printExplanation(explanation, (title, path) => placeOf(loaded, title, path), io);
    return explanation.allowed ? 0 : REFUSED;
  });
}

/** A person who is told of a process in a row asks about that process. */
export function aboutProcess(name: string | undefined): readonly string[] {
  if (name === undefined) return [];
  return [`No rule tells processes apart: what holds for the job holds for ${quoted(name)} too.`];
}

export function destinationOf(
  text: string,
  protocol: DestinationProtocol | undefined,
): Destination {
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
