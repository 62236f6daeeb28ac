/** Events that `torwacht run --output` wrote, read back: whoever could write the file could write anything. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import { errors } from '#policy/errors.ts';
import { quoted } from '#policy/problem.ts';

const MEBIBYTES = 64;

/** @throws TW_POLICY_EVENTS, TW_POLICY_EVENTS_UNREADABLE */
export function readEvents(path: string): readonly EgressEvent[] {
  const events: EgressEvent[] = [];
  for (const [index, line] of read(path).split('\n').entries()) {
    if (line !== '') events.push(eventOf(line, index + 1, path));
  }
  return events;
}

function read(path: string): string {
  try {
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

function eventOf(line: string, number: number, path: string): EgressEvent {
  const wrong = (why: string, cause?: unknown) =>
    failure(errors.events, { line: number, path, why }, cause);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw wrong(`it is not JSON (${quoted(line.slice(0, 60))})`, cause);
  }
  const parsed = egressEventSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'does not fit'}`);
}
