/** The check of pods as a ValidatingAdmissionPolicy, for clusters that want no webhook on the path of pods. */
import { apiVersion } from '#api/version.ts';
import type { Rule } from '../check/rules/rule.ts';
import { rules } from '../check/rules.ts';
import { labelledNamespaces, meta, policyVersion } from './common.ts';
import { literal, runnerPods, variables } from './variables.ts';

const POD_POLICY = 'torwacht-pods';

export const podPolicy = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: meta(POD_POLICY),
  spec: {
    failurePolicy: 'Fail',
    paramKind: { apiVersion, kind: 'RunnerBinding' },
    matchConstraints: {
      resourceRules: podRules(),
    },
    matchConditions: podConditions(),
    variables,
    validations: rules.map((rule) => ({
      expression: expressionOf(rule),
      message: `Torwacht refuses this pod: ${rule.sentence} [${rule.code}]. ${rule.hint}`,
      reason: 'Forbidden',
    })),
  },
};

/** Each pod is judged by the one binding of its own namespace; where there is none, nothing is let in. */
export const podPolicyBinding = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: meta(POD_POLICY),
  spec: {
    policyName: POD_POLICY,
    paramRef: { selector: {}, parameterNotFoundAction: 'Deny' },
    validationActions: ['Deny'],
    matchResources: { namespaceSelector: labelledNamespaces },
  },
};

export function podResources(operations: readonly string[], resources: readonly string[]) {
  return { apiGroups: [''], apiVersions: ['v1'], operations, resources, scope: 'Namespaced' };
}

/** All ways to make a pod, to change what it is or what is said of it, or to enter it. */
export function podRules() {
  return [
    podResources(['CREATE', 'UPDATE'], ['pods']),
    podResources(['UPDATE'], ['pods/status', 'pods/resize', 'pods/ephemeralcontainers']),
    podResources(['CREATE'], ['pods/binding']),
    podResources(['CONNECT'], ['pods/exec', 'pods/attach']),
  ];
}

/** What leaves alone all that is checked is nobody's business: a kubelet's status, finalizers, scheduling. */
export function podConditions() {
  const part = "request.?subResource.orValue('')";
  const changes = ['labels', 'annotations'].map(
    (field) => `object.metadata.?${field}.orValue({}) != oldObject.metadata.?${field}.orValue({})`,
  );
  return [
    {
      name: 'changes-what-is-checked',
      expression:
        `${part} == 'binding' ? (${runnerPods.expression}) : ` +
        `request.operation != 'UPDATE' || ${part} == 'ephemeralcontainers' || object.spec != oldObject.spec || ${changes.join(' || ')}`,
    },
  ];
}

function expressionOf({ phases, evenExempt, ofBarrier, cel }: Rule): string {
  const applies = `!(variables.phase in ${literal(phases)})`;
  const exempt = evenExempt ? '' : ' || variables.exempt';
  const barrier = ofBarrier ? ' || !variables.hasBarrier' : '';
  return `${applies}${exempt}${barrier} || (${cel})`;
}
