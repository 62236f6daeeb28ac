/** Who makes a pod, what it says of itself, and which binding it is under. */

import { quoted } from '#policy/problem.ts';
import { governs } from '#policy/select.ts';
import { type Asked, isRunner, labelsOf, type PodRequest, runnerMetadata } from '../asked.ts';
import type { Pod } from '../pod.ts';
import { PLATFORM, type Rule } from './rule.ts';

const runnerOnly: Rule = {
  code: 'TW_ADMIT_NOT_A_RUNNER',
  phases: ['create'],
  evenExempt: true,
  refuses({ request, binding }) {
    if (request.phase !== 'create' || isRunner(binding, request.user)) return null;
    const [first] = runnerMetadata(request.pod.metadata).keys();
    if (first === undefined) return null;
    return `it has the ${quoted(first)}, and ${quoted(request.user.username)} is none of the runners that may say so`;
  },
  sentence:
    'it has labels or annotations of GitLab Runner, and who makes it is none of the runners that may say so',
  hint: `Take them away. If this is a runner, ${PLATFORM} adds its service account to spec.runners of the RunnerBinding.`,
  cel: '!(variables.labels.exists(k, k.matches(variables.runnerKey)) || variables.annotations.exists(k, k.matches(variables.runnerKey))) || variables.byRunner',
};

const sameMap = (before: string, after: string) =>
  `${before}.all(k, !k.matches(variables.runnerKey) || (k in ${after} && ${after}[k] == ${before}[k])) && ` +
  `${after}.all(k, !k.matches(variables.runnerKey) || k in ${before})`;

const immutable: Rule = {
  code: 'TW_ADMIT_RUNNER_LABELS_CHANGED',
  phases: ['update', 'bind'],
  evenExempt: true,
  refuses({ request }) {
    if (request.phase !== 'update' && request.phase !== 'bind') return null;
    const before = runnerMetadata(request.phase === 'bind' ? {} : request.before.metadata);
    const after = runnerMetadata(request.phase === 'bind' ? request.said : request.pod.metadata);
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(key) !== after.get(key)) {
        return `the ${quoted(key)} would change, and it says for ever whose job this is`;
      }
    }
    return null;
  },
  sentence:
    'a label or annotation of GitLab Runner would change, and those say for ever whose job this is',
  hint: 'Leave them as they are; a pod of another job is another pod.',
  cel: `(${sameMap('variables.labelsBefore', 'variables.labels')}) && (${sameMap('variables.annotationsBefore', 'variables.annotations')})`,
};

const exec: Rule = {
  code: 'TW_ADMIT_EXEC',
  phases: ['connect'],
  refuses({ request, binding }) {
    if (binding.spec.guard?.exec !== 'Runners' || isRunner(binding, request.user)) return null;
    return 'only its runner may run further commands in it';
  },
  sentence: 'only its runner may run further commands in it',
  hint: `Put what you want to see into the job's script, or ask ${PLATFORM}: spec.guard.exec of the RunnerBinding decides it.`,
  cel: "params.spec.?guard.?exec.orValue('Anyone') != 'Runners' || variables.byRunner",
};

function selected({ request, binding }: Asked, pod: Pod): boolean {
  return governs(binding, { namespace: request.namespace, labels: labelsOf(pod) });
}

/** Admission and agent must agree: what the binding does not select, no agent would hold. */
function leavesBinding(asked: Asked): boolean {
  const request: PodRequest = asked.request;
  if (request.phase === 'create') return !selected(asked, request.pod);
  if (request.phase !== 'update') return false;
  return selected(asked, request.before) && !selected(asked, request.pod);
}

const notSelected: Rule = {
  code: 'TW_ADMIT_NOT_SELECTED',
  phases: ['create', 'update'],
  refuses: (asked) =>
    leavesBinding(asked)
      ? 'no RunnerBinding of this namespace selects it, so nothing would hold it'
      : null,
  sentence: 'no RunnerBinding of this namespace selects it, so nothing would hold it',
  hint: 'Give it the labels that spec.selector.podLabels of the RunnerBinding names, and take away torwacht.io/exempt; or make it in another namespace.',
  cel: "variables.selected || (variables.phase == 'update' && !variables.selectedBefore)",
};

const noTemplate: Rule = {
  code: 'TW_ADMIT_NO_BARRIER_TEMPLATE',
  phases: ['create'],
  refuses: ({ binding }) =>
    binding.spec.barrier === undefined
      ? 'the RunnerBinding of this namespace does not say what the barrier is'
      : null,
  sentence: 'the RunnerBinding of this namespace does not say what the barrier is',
  hint: `No pod can start here until ${PLATFORM} adds spec.barrier to the RunnerBinding (docs/admission.md).`,
  cel: 'has(params.spec.barrier)',
};

export const identityRules: readonly Rule[] = [
  runnerOnly,
  immutable,
  exec,
  notSelected,
  noTemplate,
];
