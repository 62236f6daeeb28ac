/** AdmissionReviews as the API server writes them, for the tests and the bench of what answers them. */
import type { PodRequest } from '../check/asked.ts';

const operations = {
  create: { operation: 'CREATE' },
  update: { operation: 'UPDATE' },
  ephemeral: { operation: 'UPDATE', subResource: 'ephemeralcontainers' },
  bind: { operation: 'CREATE', subResource: 'binding' },
  connect: { operation: 'CONNECT', subResource: 'exec' },
} as const;

export function reviewOf(
  request: PodRequest,
  uid = 'b0c3e5a2-0000-4000-8000-000000000000',
): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      name: 'pod',
      namespace: request.namespace,
      userInfo: { ...request.user, uid: 'u' },
      ...operations[request.phase],
      object:
        'pod' in request ? request.pod : request.phase === 'bind' ? { metadata: request.said } : {},
      oldObject: request.phase === 'update' ? request.before : null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
}
