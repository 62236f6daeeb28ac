/**
 * Events that `torwacht run --output` or an agent wrote, read back: whoever could write the file could write anything.
 * An agent's are lines of its log, with others between them.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import { errors } from '#policy/errors.ts';
import { quoted } from '#policy/problem.ts';

const MEBIBYTES = 64;

/** @param path of a file; `-` for standard input. @throws TW_POLICY_EVENTS, TW_POLICY_EVENTS_UNREADABLE */
export function readEvents(path: string): readonly EgressEvent[] {
  const events: EgressEvent[] = [];
  for (const [index, line] of read(path).split('\n').entries()) {
    const event = line === '' ? null : eventOf(line, index + 1, path);
    if (event !== null) events.push(event);
  }
  return events;
}

function read(path: string): string {
  try {
    if (path === '-') return readFileSync(0, 'utf8');
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size > MEBIBYTES * 1024 * 1024) throw Object.assign(new Error(), { code: 'EFBIG' });
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const why = whys[code] ?? code;
    throw failure(errors.unreadableEvents, { path, why, mebibytes: MEBIBYTES }, cause);
  }
}

const whys: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  EISDIR: 'it is a folder',
  EFBIG: 'it is too large',
};

/** Null for another line of a log. */
function eventOf(line: string, number: number, path: string): EgressEvent | null {
  const wrong = (why: string, cause?: unknown) =>
    failure(errors.events, { line: number, path, why }, cause);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw wrong(`it is not JSON (${quoted(line.slice(0, 60))})`, cause);
  }
  if (isLogLine(value) && value.event === undefined) return null;
  const parsed = egressEventSchema.safeParse(isLogLine(value) ? value.event : value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'does not fit'}`);
}

function isLogLine(value: unknown): value is { readonly event?: unknown } {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value;
}
