/**
 * Opens a file that the person named for our output (--json, --suggest) with that person's rights, so
 * that root does not write where they may not, and without following a link at its end.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';
import type { SandboxUser } from './user.ts';

/**
 * Synchronous from the first change of identity to the last: nothing else of this process runs
 * meanwhile. The file is emptied only once it is known to be a plain one.
 * @returns an open file; the caller closes it
 * @throws TW_RUN_OUTPUT
 */
export function openOutput(
  path: string,
  user: Pick<SandboxUser, 'uid' | 'gid' | 'groups'>,
): number {
  let fd: number | undefined;
  try {
    fd = asUser(user, () => openSync(path, flags, 0o644));
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

function asUser<T>(user: Pick<SandboxUser, 'uid' | 'gid' | 'groups'>, action: () => T): T {
  const { setgroups, setegid, seteuid } = process;
  if (user.uid === 0 || process.geteuid?.() !== 0) return action();
  if (setgroups === undefined || setegid === undefined || seteuid === undefined) return action();
  const groups = process.getgroups?.() ?? [];
  const gid = process.getegid?.() ?? 0;
  setgroups([...user.groups]);
  setegid(user.gid);
  seteuid(user.uid);
  try {
    return action();
  } finally {
    seteuid(0);
    setegid(gid);
    setgroups(groups);
  }
}
