/**
 * Opens a file that the person named for our output (--json, --suggest) with that person's rights, so
 * that root does not write where they may not, and without following a link at its end.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { native } from '#bpf/native.ts';
import { errors } from './errors.ts';
import type { SandboxUser } from './user.ts';

type User = Pick<SandboxUser, 'uid' | 'gid' | 'groups'>;

/**
 * The file is emptied only once it is known to be a plain one.
 * @returns an open file; the caller closes it
 * @throws TW_RUN_OUTPUT
 */
export function openOutput(path: string, user: User): number {
  let fd: number | undefined;
  try {
    fd = openFor(user, path);
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is no plain file`);
    ftruncateSync(fd);
    return fd;
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw failure(errors.output, { path, uid: user.uid }, cause);
  }
}

/** O_NONBLOCK: a named pipe without a reader is refused at once. */
const flags =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK |
  constants.O_NOCTTY;

function openFor({ uid, gid, groups }: User, path: string): number {
  if (uid === 0 || process.geteuid?.() !== 0) return openSync(path, flags, 0o644);
  return native().openAs(path, flags, uid, gid, Buffer.from(Uint32Array.from(groups).buffer));
}
