/** A file that a command is given, or standard input. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type ErrorSpec, failure } from '#api/error.ts';

/** Bytes: what an API server takes of one object is less. */
const MAX_INPUT = 4 * 1024 * 1024;
/** ms between two looks at a pipe that holds nothing yet. */
const PAUSE = 10;

/**
 * All of it, as text.
 *
 * @param path `-` is standard input
 * @param unreadable what is thrown, with `path` and `reason`
 */
export function readInput(path: string, unreadable: ErrorSpec): string {
  try {
    const text = path === '-' ? readAll(0) : ofFile(path);
    if (text !== null) return text;
  } catch (cause) {
    throw failure(unreadable, { path, reason: (cause as Error).message }, cause);
  }
  throw failure(unreadable, { path, reason: `it is larger than ${MAX_INPUT >> 20} MiB` });
}

function ofFile(path: string): string | null {
  const fd = openSync(path, 'r');
  try {
    return readAll(fd);
  } finally {
    closeSync(fd);
  }
}

/** Null where it is too large. */
function readAll(fd: number): string | null {
  const content = Buffer.alloc(MAX_INPUT + 1);
  let length = 0;
  for (;;) {
    const count = readSome(fd, content, length);
    if (count === 0) return content.toString('utf8', 0, length);
    length += count;
    if (length === content.length) return null;
  }
}

/** Node's standard input does not block: where nothing has come yet, that is no end. */
function readSome(fd: number, content: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(fd, content, offset, content.length - offset, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
