/** `torwacht admission test`: would the webhook let these pods in, and if not, why? */
import type { RunnerBinding } from '#api/runner-binding.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import { type PodRequest, runnerMetadata, type User } from '#webhook/check/asked.ts';
import { decide, isAbout } from '#webhook/check/decide.ts';
import { type Pod, podSchema } from '#webhook/check/pod.ts';
import type { Problem } from '#webhook/check/refusal.ts';
import { injected } from '#webhook/inject.ts';
import { type Io, printable, styled } from '../policy/io.ts';
import { readBindings, readDocuments } from './documents.ts';

/** As commander gives them. */
export interface AdmissionFlags {
  readonly file: string;
  readonly binding?: string;
  readonly namespace?: string;
  readonly as?: string;
  readonly json?: boolean;
}

/** No error, so none of `exitCodes`. */
const REFUSED = 1;

interface Judged {
  readonly pod: string;
  readonly by: string;
  /** Titles of the bindings that are about its namespace. */
  readonly bindings: readonly string[];
  readonly injected: boolean;
  readonly allowed: boolean;
  readonly problems: readonly Problem[];
}

/** Exit code 0 when all pods are let in, 1 when one is not. @throws TW_ADMISSION_* */
export function testAdmission(flags: AdmissionFlags, io: Io): number {
  const documents = readDocuments(flags.file);
  const bindings = [
    ...documents.bindings,
    ...(flags.binding === undefined ? [] : readBindings(flags.binding)),
  ];
  const judged = documents.pods.map(({ pod, object }) => judge(pod, object, bindings, flags));
  if (flags.json) io.stdout.write(`${JSON.stringify({ pods: judged }, null, 2)}\n`);
  else for (const one of judged) print(one, io);
  return judged.every(({ allowed }) => allowed) ? 0 : REFUSED;
}

function judge(
  pod: Pod,
  object: object,
  bindings: readonly RunnerBinding[],
  flags: AdmissionFlags,
): Judged {
  const [first] = bindings;
  const namespace =
    flags.namespace ??
    pod.metadata.namespace ??
    (first === undefined ? 'default' : namespaceOf(first));
  const user = userOf(pod, bindings, flags.as);
  const request: PodRequest = { phase: 'create', namespace, user, pod };
  const after = injected(request, object, bindings);
  const { allowed, problems } = decide({ ...request, pod: podSchema.parse(after) }, bindings);
  return {
    pod: `${namespace}/${pod.metadata.name ?? pod.metadata.generateName ?? ''}`,
    by: user.username,
    bindings: bindings.filter((binding) => isAbout(binding, namespace)).map(documentTitle),
    injected: after !== object,
    allowed,
    problems,
  };
}

/** A pod that says it is a runner's is taken to be made by one; another by somebody. */
function userOf(pod: Pod, bindings: readonly RunnerBinding[], as: string | undefined): User {
  if (as !== undefined) return { username: as, groups: [] };
  const found = bindings.flatMap((binding) =>
    (binding.spec.runners ?? []).map(({ namespace = namespaceOf(binding), serviceAccount }) => {
      return `system:serviceaccount:${namespace}:${serviceAccount}`;
    }),
  );
  const runner = runnerMetadata(pod.metadata).size > 0 ? found[0] : undefined;
  return { username: runner ?? 'somebody', groups: [] };
}

function print({ pod, by, bindings, allowed, injected: put, problems }: Judged, io: Io): void {
  const line = (text: string) => io.stdout.write(`${printable(text)}\n`);
  const verdict = allowed ? styled(io, 'green', 'accepted') : styled(io, 'red', 'refused');
  io.stdout.write(`${verdict}: ${printable(`Pod ${pod}, made by ${by}`)}\n`);
  line(`  under ${bindings.length === 0 ? 'no RunnerBinding' : bindings.join(' and ')}`);
  if (put) line('  after admission has put the barrier in (spec.inject)');
  for (const { sentence, code, hint } of problems) {
    line(`  ${sentence} [${code}]`);
    line(`      ${hint}`);
  }
}
