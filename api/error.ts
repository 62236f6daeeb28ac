/**
 * The one error family. Every folder declares its errors once, in its `errors.ts`, as a table of
 * `ErrorSpec`; code throws `failure(errors.x, { … })`. An error has a stable code, a sentence that says
 * what is wrong, and a hint that says what to do.
 */

/** Exit codes of the `torwacht` command; `torwacht run` ends with 125 instead of any of these. */
export const exitCodes = {
  usage: 2,
  policy: 3,
  privilege: 4,
  host: 5,
  cluster: 6,
  internal: 70,
} as const;

export type ExitReason = keyof typeof exitCodes;

export interface ErrorSpec {
  /** Stable, upper case, prefixed by its folder: `TW_DNS_…`. */
  readonly code: `TW_${string}`;
  /** One sentence; `{name}` is replaced by the field of that name. */
  readonly message: string;
  /** What the reader should do next; the same templates as `message`. */
  readonly hint: string;
  readonly exit: ExitReason;
}

type Fields = Readonly<Record<string, string | number>>;

export class TorwachtError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exit: ExitReason;

  constructor(spec: ErrorSpec, fields: Fields, cause?: unknown) {
    super(fill(spec.message, fields), { cause });
    this.name = 'TorwachtError';
    this.code = spec.code;
    this.hint = fill(spec.hint, fields);
    this.exit = spec.exit;
  }
}

/** @example throw failure(errors.noBtf, { path: '/sys/kernel/btf/vmlinux' }) */
export function failure(spec: ErrorSpec, fields: Fields = {}, cause?: unknown): TorwachtError {
  return new TorwachtError(spec, fields, cause);
}

function fill(template: string, fields: Fields): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, key: string) => String(fields[key] ?? whole));
}
