/** What the manifests share. */

export const policyVersion = 'admissionregistration.k8s.io/v1';

/** A namespace with this label is enforced; who may set it is for the policy `torwacht-guard`. */
export const enforceLabel = 'torwacht.io/enforce';

/** Where nothing of ours may stand in the way: ours, and those that a cluster starts from. */
export const spared = ['torwacht', 'kube-system', 'kube-public', 'kube-node-lease'];

const sparedExpression = {
  key: 'kubernetes.io/metadata.name',
  operator: 'NotIn',
  values: spared,
};

export const labelledNamespaces = {
  matchExpressions: [{ key: enforceLabel, operator: 'In', values: ['true'] }, sparedExpression],
};

export const otherNamespaces = {
  matchExpressions: [{ key: enforceLabel, operator: 'NotIn', values: ['true'] }, sparedExpression],
};

export function meta(name: string, namespace?: string) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { 'app.kubernetes.io/part-of': 'torwacht' },
  };
}
