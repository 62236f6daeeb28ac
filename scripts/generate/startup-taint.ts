/**
 * What the operator may do to nodes where there is a startup taint. RBAC cannot say which field of a node may be
 * patched, so a policy inside the API server does: of what the operator sends, nothing but this taint may differ.
 */
import { permissions } from '#operator/permissions.ts';
import { operatorNames } from './rbac.ts';

const NAME = 'torwacht-startup-taint';
const metadata = { name: NAME, labels: { 'app.kubernetes.io/part-of': 'torwacht' } };
const API = 'rbac.authorization.k8s.io';
const POLICY_API = 'admissionregistration.k8s.io/v1';

const taints = (of: string): string => `${of}.spec.?taints.orValue([])`;
const same = (field: string): string => `object.${field} == oldObject.${field}`;

/** Fields that a node may have beside its taints and status (core/v1 NodeSpec, ObjectMeta). */
const KEPT = [
  ...['labels', 'annotations', 'finalizers', 'ownerReferences'].map((name) => `metadata.?${name}`),
  ...['unschedulable', 'providerID', 'podCIDR', 'podCIDRs', 'configSource', 'externalID'].map(
    (name) => `spec.?${name}`,
  ),
];

/** @param key of the taint; stands in a string of CEL as it is */
export function startupTaint(key: string): Readonly<Record<'role.yaml' | 'policy.yaml', object[]>> {
  const { name, namespace } = operatorNames;
  return {
    'role.yaml': [
      { apiVersion: `${API}/v1`, kind: 'ClusterRole', metadata, rules: permissions().startupTaint },
      {
        apiVersion: `${API}/v1`,
        kind: 'ClusterRoleBinding',
        metadata,
        roleRef: { apiGroup: API, kind: 'ClusterRole', name: NAME },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    ],
    'policy.yaml': [
      {
        apiVersion: POLICY_API,
        kind: 'ValidatingAdmissionPolicy',
        metadata,
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: [''],
                apiVersions: ['v1'],
                operations: ['CREATE', 'UPDATE', 'DELETE'],
                resources: ['nodes', 'nodes/*'],
                scope: 'Cluster',
              },
            ],
          },
          matchConditions: [
            {
              name: 'operator',
              expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:${name}'`,
            },
          ],
          validations: [
            {
              expression:
                "request.operation == 'UPDATE' && request.?subResource.orValue('') == '' && " +
                `${KEPT.map(same).join(' && ')} && ` +
                `${taints('object')} == ${taints('oldObject')}.filter(taint, taint.key != '${key}')`,
              message: `The operator of Torwacht takes the taint ${key} off a node, and changes nothing else of it.`,
              reason: 'Forbidden',
            },
          ],
        },
      },
      {
        apiVersion: POLICY_API,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata,
        spec: { policyName: NAME, validationActions: ['Deny'] },
      },
    ],
  };
}
