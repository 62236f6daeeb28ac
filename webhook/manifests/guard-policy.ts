/**
 * Who may take a namespace out of enforcement, or change what is enforced in it: not its administrators, who
 * have every right in it, but whom the platform grants the verb `guard` on `enforcement.torwacht.io`.
 */
import { group, version } from '#api/version.ts';
import { enforceLabel, meta, policyVersion } from './common.ts';
import { literal } from './variables.ts';

const GUARD_POLICY = 'torwacht-guard';

/** Asked without a namespace: a Role, even one with every right, does not answer it. */
const mayGuard = `authorizer.group(${literal(group)}).resource('enforcement').check('guard').allowed()`;
const label = (of: string) => `${of}.metadata.?labels[?${literal(enforceLabel)}].orValue('')`;
const HINT = `Ask the platform team; it grants the verb guard on enforcement.${group} by a ClusterRoleBinding to torwacht-guard.`;

export const guardPolicy = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: meta(GUARD_POLICY),
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [''],
          apiVersions: ['v1'],
          operations: ['UPDATE'],
          resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
          scope: 'Cluster',
        },
        {
          apiGroups: [group],
          apiVersions: [version],
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          resources: ['runnerbindings'],
          scope: 'Namespaced',
        },
      ],
    },
    variables: [{ name: 'ofNamespace', expression: "request.resource.resource == 'namespaces'" }],
    validations: [
      {
        expression: `!variables.ofNamespace || ${label('object')} == ${label('oldObject')} || ${mayGuard}`,
        message: `The label ${enforceLabel} of a namespace is not its administrators' to change [TW_ADMIT_GUARD_LABEL]. ${HINT}`,
        reason: 'Forbidden',
      },
      {
        // What belongs to a namespace that is going goes too; finalizers and owners are for controllers.
        expression:
          "variables.ofNamespace || (request.operation == 'DELETE' && has(namespaceObject.metadata.deletionTimestamp)) || " +
          `(request.operation == 'UPDATE' && object.spec == oldObject.spec) || ${mayGuard}`,
        message: `A RunnerBinding is the platform team's to write [TW_ADMIT_GUARD_BINDING]. ${HINT}`,
        reason: 'Forbidden',
      },
    ],
  },
};

export const guardPolicyBinding = {
  apiVersion: policyVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: meta(GUARD_POLICY),
  spec: { policyName: GUARD_POLICY, validationActions: ['Deny'] },
};

export const guardRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: meta('torwacht-guard'),
  rules: [
    { apiGroups: [group], resources: ['enforcement'], verbs: ['guard'] },
    { apiGroups: [group], resources: ['runnerbindings'], verbs: ['*'] },
  ],
};
