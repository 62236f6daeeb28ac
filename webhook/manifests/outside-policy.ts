/** Runners' pods in namespaces that nobody labelled, as a ValidatingAdmissionPolicy. */
import { outside } from '../check/decide.ts';
import { meta, otherNamespaces, policyVersion } from './common.ts';
import { podResources } from './pod-policy.ts';
import { runnerPods } from './variables.ts';

const OUTSIDE_POLICY = 'torwacht-outside';

export const outsidePolicy = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: meta(OUTSIDE_POLICY),
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: { resourceRules: [podResources(['CREATE'], ['pods'])] },
    matchConditions: [runnerPods],
    validations: [
      {
        expression: 'false',
        message: `Torwacht refuses this pod: ${outside.sentence} [${outside.code}]. ${outside.hint}`,
        reason: 'Forbidden',
      },
    ],
  },
};

/** To report and not to refuse, make it [Warn, Audit]. */
export const outsidePolicyBinding = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: meta(OUTSIDE_POLICY),
  spec: {
    policyName: OUTSIDE_POLICY,
    validationActions: ['Deny'],
    matchResources: { namespaceSelector: otherNamespaces },
  },
};
