/** What the operator's service account may do, from what its code says that it does. */
import { permissions } from '#operator/permissions.ts';

const NAME = 'torwacht-operator';
const NAMESPACE = 'torwacht';
/** Its service account. */
export const operatorNames = { name: NAME, namespace: NAMESPACE } as const;
const API = 'rbac.authorization.k8s.io';

const metadata = (more: object = {}) => ({
  name: NAME,
  ...more,
  labels: { 'app.kubernetes.io/part-of': 'torwacht' },
});

export function operatorRbac(): Readonly<Record<string, object>> {
  const { cluster, own } = permissions();
  const namespace = NAMESPACE;
  const subjects = [{ kind: 'ServiceAccount', name: NAME, namespace }];
  const of = (kind: string, more: object, fields: object) => ({
    apiVersion: `${API}/v1`,
    kind,
    metadata: metadata(more),
    ...fields,
  });
  const roleRef = (kind: string) => ({ apiGroup: API, kind, name: NAME });
  return {
    'serviceaccount.yaml': {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: metadata({ namespace }),
    },
    'clusterrole.yaml': of('ClusterRole', {}, { rules: cluster }),
    'clusterrolebinding.yaml': of(
      'ClusterRoleBinding',
      {},
      { roleRef: roleRef('ClusterRole'), subjects },
    ),
    'role.yaml': of('Role', { namespace }, { rules: own }),
    'rolebinding.yaml': of('RoleBinding', { namespace }, { roleRef: roleRef('Role'), subjects }),
  };
}
