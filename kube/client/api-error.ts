/** What an API server's refusal means. */
import type { IncomingHttpHeaders } from 'node:http';
import { KubeError, type KubeErrorCode } from '../errors.ts';
import { apiVersionOf, type Place, type Resource } from './resource.ts';

/** Said in messages, so that a refusal names what was refused. */
export interface Tried extends Place {
  readonly verb: string;
  readonly of: Resource | undefined;
  readonly path: string;
}

interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly field?: string }[];
  };
}

const codes: Readonly<Record<number, KubeErrorCode>> = {
  401: 'KUBE_UNAUTHORIZED',
  403: 'KUBE_FORBIDDEN',
  404: 'KUBE_NOT_FOUND',
  408: 'KUBE_TIMEOUT',
  410: 'KUBE_GONE',
  422: 'KUBE_INVALID',
  429: 'KUBE_TOO_MANY_REQUESTS',
  504: 'KUBE_TIMEOUT',
};
const longestWaitMs = 10 * 60_000;

/** `get pods/status "a" in namespace "b"` */
export function describe({ verb, of, path, namespace, name, subresource }: Tried): string {
  if (of === undefined) return `${verb} ${path}`;
  const what = `${of.plural}${subresource === undefined ? '' : `/${subresource}`}`;
  const which = name === undefined ? '' : ` "${name}"`;
  const where = namespace === undefined ? '' : ` in namespace "${namespace}"`;
  return `${verb} ${what}${which}${where} (${apiVersionOf(of)})`;
}

/** @param text the body as it came; a proxy on the way may have written it */
export function apiError(
  tried: Tried,
  http: number,
  headers: IncomingHttpHeaders,
  text: string,
): KubeError {
  const status = parseStatus(text);
  const said = status?.message ?? (text.slice(0, 200).trim() || 'it gave no reason');
  return statusError(`${describe(tried)}: ${http}, ${said}`, http, status, headers);
}

/** An ERROR event of a watch is a Status object too, with a code of its own. */
export function eventError(tried: Tried, object: unknown): KubeError {
  const status = isStatus(object) ? object : undefined;
  const said = status?.message ?? 'an ERROR event that says nothing';
  return statusError(`${describe(tried)}: ${said}`, status?.code ?? 500, status, {});
}

function statusError(
  message: string,
  http: number,
  status: Status | undefined,
  headers: IncomingHttpHeaders,
): KubeError {
  const retryAfterMs = waitOf(status, headers);
  const fields = (status?.details?.causes ?? []).flatMap(({ field }) => field ?? []);
  return new KubeError(codeOf(http, status), message, {
    status: http,
    fields,
    ...(status?.reason === undefined ? {} : { reason: status.reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function codeOf(http: number, status: Status | undefined): KubeErrorCode {
  if (http === 409) return conflictOf(status);
  // In an ERROR event the code may be missing where the reason is not.
  if (status?.reason === 'Expired' || status?.reason === 'Gone') return 'KUBE_GONE';
  return codes[http] ?? (http >= 500 ? 'KUBE_SERVER' : 'KUBE_BAD_REQUEST');
}

function conflictOf(status: Status | undefined): KubeErrorCode {
  if (status?.reason === 'AlreadyExists') return 'KUBE_ALREADY_EXISTS';
  const owned = status?.details?.causes?.some(({ reason }) => reason === 'FieldManagerConflict');
  return owned ? 'KUBE_APPLY_CONFLICT' : 'KUBE_CONFLICT';
}

function waitOf(status: Status | undefined, headers: IncomingHttpHeaders): number | undefined {
  const header = headers['retry-after'];
  const seconds = header === undefined ? status?.details?.retryAfterSeconds : Number(header);
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds * 1000, longestWaitMs);
}

function parseStatus(text: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isStatus(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
