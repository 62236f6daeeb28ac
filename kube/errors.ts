/** Errors of this folder: one table, one class. Codes are stable; tell errors apart by `code`. */

const errors = {
  // What the API server said.
  KUBE_BAD_REQUEST: 'The request is wrong as it stands; sending it again will not help.',
  KUBE_UNAUTHORIZED: 'Renew the credentials of this kubeconfig or service account.',
  KUBE_FORBIDDEN: 'Grant this verb on this resource by a Role or ClusterRole.',
  KUBE_NOT_FOUND: 'The object, or the resource as a whole, is not there: is its CRD installed?',
  KUBE_ALREADY_EXISTS: 'Read the object and update it, or apply it server-side.',
  KUBE_CONFLICT: 'The object changed meanwhile: read it again and repeat the change.',
  KUBE_APPLY_CONFLICT:
    'Another manager owns these fields: leave them out, or apply with `force` if they are yours.',
  KUBE_GONE: 'That resourceVersion or continue token has expired: list anew.',
  KUBE_INVALID: 'Correct the named fields.',
  KUBE_TOO_MANY_REQUESTS: 'Wait as long as `retryAfterMs` says, then send it again.',
  KUBE_SERVER: 'The API server or a webhook of it failed; send it again later.',
  // What became of the way there.
  KUBE_UNREACHABLE: 'Is the API server running, and does the address in the kubeconfig lead to it?',
  KUBE_TIMEOUT: 'The API server did not answer in time; send it again later.',
  KUBE_BROKEN_ANSWER: 'The answer was cut or is no JSON; send the request again.',
  KUBE_CONFIG: 'Correct the kubeconfig, or the files that it names.',
  KUBE_CREDENTIALS: 'Run the credential plugin of the kubeconfig by hand to see what it says.',
  // What this process may not do now.
  KUBE_NOT_LEADER: 'Another replica leads; this one must not write.',
  KUBE_PERMANENT: 'The handler said that trying again is of no use.',
  KUBE_HANDLER_TIMEOUT: 'The handler must end when its signal is aborted.',
} as const;

export type KubeErrorCode = keyof typeof errors;

export interface KubeErrorDetails {
  readonly cause?: unknown;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** `reason` of the Status object: `Conflict`, `Expired`… */
  readonly reason?: string;
  /** From the Retry-After header or the Status object. */
  readonly retryAfterMs?: number;
  /** Fields that an apply conflict or a validation error named. */
  readonly fields?: readonly string[];
}

export class KubeError extends Error {
  readonly code: KubeErrorCode;
  /** What to do next. */
  readonly hint: string;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly fields: readonly string[];

  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'KubeError';
    this.code = code;
    this.hint = errors[code];
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
    this.fields = details.fields ?? [];
  }
}

/** @example if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined; */
export function isKubeError(
  error: unknown,
  ...codes: readonly KubeErrorCode[]
): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

/** What a handler throws where trying again is of no use before the object changes. */
export function permanent(message: string, cause?: unknown): KubeError {
  return new KubeError('KUBE_PERMANENT', message, { cause });
}
