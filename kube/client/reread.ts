/** Files that are replaced while we run: tokens and certificates of a service account. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';

/** As client-go does; a token is replaced some minutes before it expires. */
const freshMs = 60_000;

/** Gives the file's text, read again when a minute has passed or when `again` says so. */
export function rereadFile(path: string, clock: Clock): (again: boolean) => Promise<string> {
  let text: string | undefined;
  let readAt = 0;
  return async (again) => {
    const now = clock.monotonic();
    if (text !== undefined && !again && now - readAt < freshMs) return text;
    text = await readFile(path, 'utf8');
    readAt = now;
    return text;
  };
}
