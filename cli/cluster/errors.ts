/** Every error of the commands that ask a cluster. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  config: {
    code: 'TW_KUBE_CONFIG',
    message: 'No cluster can be asked: {reason}',
    hint: 'Name a kubeconfig with --kubeconfig or $KUBECONFIG, and with --context one of those that `kubectl config get-contexts` lists.',
    exit: 'usage',
  },
  credentials: {
    code: 'TW_KUBE_CREDENTIALS',
    message: 'There are no credentials for {server}: {reason}',
    hint: 'Run the credential plugin that the kubeconfig names by hand, and log in where it says so.',
    exit: 'cluster',
  },
  unreachable: {
    code: 'TW_KUBE_UNREACHABLE',
    message: 'The API server at {server} cannot be reached: {reason}',
    hint: 'Is it running, and is this the right --context? `kubectl version` with the same flags must answer.',
    exit: 'cluster',
  },
  unauthorized: {
    code: 'TW_KUBE_UNAUTHORIZED',
    message: 'The API server at {server} does not know these credentials.',
    hint: 'They may have expired: log in again, or choose another --context. `kubectl auth whoami` must answer.',
    exit: 'cluster',
  },
  forbidden: {
    code: 'TW_KUBE_FORBIDDEN',
    message: 'These credentials may not {verb} {what}.',
    hint: 'Ask for the ClusterRole `view`, bound {bound}; `kubectl auth can-i {verb} {resource}{flag}` says when you have it.',
    exit: 'cluster',
  },
  notInstalled: {
    code: 'TW_KUBE_NOT_INSTALLED',
    message: 'The cluster at {server} knows no {resource}: Torwacht is not installed there.',
    hint: 'Install it (`kubectl apply -k config/crd` for the kinds alone), or choose another cluster with --context.',
    exit: 'cluster',
  },
  notFound: {
    code: 'TW_KUBE_NOT_FOUND',
    message: 'There is no {what}.',
    hint: 'Check the name, the namespace (-n) and the cluster (--context): `kubectl get {resource}{flag}` lists what is there.',
    exit: 'usage',
  },
  failed: {
    code: 'TW_KUBE_FAILED',
    message: 'The API server at {server} cannot answer: {reason}',
    hint: 'Try again; if it stays so, `kubectl get --raw /readyz?verbose` says what is wrong with it.',
    exit: 'cluster',
  },
  who: {
    code: 'TW_KUBE_WHO',
    message: '{problem}',
    hint: 'Name a pod (--pod NAME), or a GitLab project (--project ID) and perhaps a job of it (--job NAME).',
    exit: 'usage',
  },
  timeout: {
    code: 'TW_KUBE_TIMEOUT',
    message: '{text} is no time.',
    hint: 'Write it like 30s, 5m or 1h.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
