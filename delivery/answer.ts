/** What a receiver says to what it was sent. */
import { retryAfter } from './back-off.ts';
import type { Reply } from './post.ts';

export type Answer =
  /** It has it, but for so many rows that it refused. */
  | { readonly kind: 'taken'; readonly refused: number; readonly why?: string }
  /** It will never take it. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Not now; `after`: ms that it asks for. */
  | { readonly kind: 'later'; readonly why: string; readonly after?: number | undefined };

/** What is said of the message itself, and would be said again. All else may change. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422]);

/** Of a receiver that says all with its status. @param now wall time, ms */
export function answerOf({ status, retryAfter: header }: Reply, now: number): Answer {
  if (status >= 200 && status < 300) return { kind: 'taken', refused: 0 };
  const why = `it answers ${status}`;
  if (REFUSED.has(status)) return { kind: 'refused', why };
  return { kind: 'later', why, after: retryAfter(header, now) };
}
