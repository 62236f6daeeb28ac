/** An error as fields of a log line. */
import { TorwachtError } from '#api/error.ts';

export function fields(error: unknown): { code?: string; reason: string; hint?: string } {
  if (!(error instanceof TorwachtError)) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
  return { code: error.code, reason: error.message, hint: error.hint };
}
