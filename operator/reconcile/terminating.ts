import { isKubeError } from '#kube/index.ts';

/** Does the API server refuse it because its namespace, or its kind, is being deleted? Then nothing can be made there. */
export function isTerminating(error: unknown): boolean {
  return (
    isKubeError(error, 'KUBE_FORBIDDEN') &&
    / is (being terminated|terminating)\b/.test(error.message)
  );
}
