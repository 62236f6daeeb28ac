/**
 * May this pod be? Pure: a question, and the bindings that are about its namespace. The webhook answers by
 * it, and so does `torwacht admission test`.
 */
import type { RunnerBinding } from '#api/runner-binding.ts';
import { governs, namespacesOf } from '#policy/select.ts';
import { documentTitle } from '#policy/title.ts';
import { type Asked, isExempt, labelsOf, type PodRequest, runnerMetadata } from './asked.ts';
import type { Problem } from './refusal.ts';
import { PLATFORM } from './rules/rule.ts';
import { rules } from './rules.ts';

export interface Decision {
  readonly allowed: boolean;
  /** In the order of the rules; empty where it is allowed. */
  readonly problems: readonly Problem[];
}

const allowed: Decision = { allowed: true, problems: [] };
const refused = (problems: readonly Problem[]): Decision =>
  problems.length === 0 ? allowed : { allowed: false, problems };

/** For a pod of a labelled namespace. @param bindings any; those of other namespaces are not looked at */
export function decide(request: PodRequest, bindings: readonly RunnerBinding[]): Decision {
  const here = bindings.filter((binding) => isAbout(binding, request.namespace));
  const inForce = bindingInForce(request, here);
  if ('code' in inForce) return refused([inForce]);
  const asked = { request, binding: inForce };
  return refused(isExempt(asked) ? problemsOf(asked, true) : problemsOf(asked, false));
}

/** Is it about pods of this namespace, whatever their labels? */
export function isAbout(binding: RunnerBinding, namespace: string): boolean {
  return namespacesOf(binding).includes(namespace);
}

function problemsOf(asked: Asked, exempt: boolean): Problem[] {
  const { phase } = asked.request;
  return rules.flatMap((rule) => {
    if (!rule.phases.includes(phase) || (exempt && rule.evenExempt !== true)) return [];
    const sentence = rule.refuses(asked);
    return sentence === null ? [] : [{ code: rule.code, sentence, hint: rule.hint }];
  });
}

/** The one that selects the pod; where there is but one it is that, and its rules say that it must select. */
function bindingInForce(
  request: PodRequest,
  here: readonly RunnerBinding[],
): RunnerBinding | Problem {
  const [only] = here;
  if (only === undefined) return noBinding(request.namespace);
  if (here.length === 1) return only;
  if (request.phase === 'connect' || request.phase === 'bind') return strictest(here);
  const pod = request.phase === 'update' ? request.before : request.pod;
  const identity = { namespace: request.namespace, labels: labelsOf(pod) };
  const selecting = here.filter((binding) => governs(binding, identity));
  return selecting.length > 1 ? overlap(selecting) : (selecting[0] ?? only);
}

/** Which pod it is about is not known there. */
function strictest(here: readonly [RunnerBinding, ...RunnerBinding[]] | readonly RunnerBinding[]) {
  return (here.find(({ spec }) => spec.guard?.exec === 'Runners') ?? here[0]) as RunnerBinding;
}

function noBinding(namespace: string): Problem {
  return {
    code: 'TW_ADMIT_NO_BINDING',
    sentence: `the namespace ${namespace} is to be enforced, and no RunnerBinding says how`,
    hint: `No pod can start here until ${PLATFORM} adds one, or takes the label torwacht.io/enforce off the namespace.`,
  };
}

function overlap(bindings: readonly RunnerBinding[]): Problem {
  return {
    code: 'TW_ADMIT_BINDINGS_OVERLAP',
    sentence: `${bindings.map(documentTitle).join(' and ')} both select it`,
    hint: `No such pod can start here until ${PLATFORM} makes them one, or selects by labels that exclude each other.`,
  };
}

/** What is said of a runner's pod in a namespace that nobody labelled. */
export const outside: Problem = {
  code: 'TW_ADMIT_OUTSIDE',
  sentence: "it is a runner's pod, and its namespace is not enforced",
  hint: `Take KUBERNETES_NAMESPACE_OVERWRITE out of the job's variables, or ask ${PLATFORM} to label the namespace torwacht.io/enforce=true.`,
};

/**
 * For a namespace that nobody labelled. Only pods that say they are a runner's are of interest: a namespace
 * overwrite or one namespace a job would lead out of enforcement.
 */
export function decideOutside(request: PodRequest): Decision {
  const ofRunner = request.phase === 'create' && runnerMetadata(request.pod.metadata).size > 0;
  return refused(ofRunner ? [outside] : []);
}
