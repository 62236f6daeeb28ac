/**
 * What flags open explicitly. `resolveOpenings` turns what a person wrote into resolved paths and known
 * names, or says what is wrong; `describeOpenings` says in sentences what is open.
 */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

import { type ErrorSpec, failure } from '#api/error.ts';

import { parseCapability } from './capabilities.ts';
import { errors } from './errors.ts';
import { familyOpens, parseFamily } from './families.ts';
import { isSocket } from './sockets.ts';

export interface Openings {
  /** Folders or files that are private otherwise (below /tmp, /var/tmp), absolute and resolved. */
  readonly allowRead: readonly string[];
  /** Folders or files, absolute and resolved. */
  readonly allowWrite: readonly string[];
  /** Unix sockets, absolute and resolved. */
  readonly allowSocket: readonly string[];
  readonly allowCap: readonly string[];
  readonly allowFamily: readonly string[];
  readonly allowIoUring: boolean;
  readonly allowUserNamespaces: boolean;
}

export const noOpenings: Openings = {
  allowRead: [],
  allowWrite: [],
  allowSocket: [],
  allowCap: [],
  allowFamily: [],
  allowIoUring: false,
  allowUserNamespaces: false,
};

/** @param cwd what relative paths are relative to @throws TW_RUN_ALLOW_… */
export function resolveOpenings(asked: Openings, cwd: string): Openings {
  return {
    ...asked,
    allowRead: asked.allowRead.map((path) => existing(resolve(cwd, path), errors.allowRead)),
    allowWrite: asked.allowWrite.map((path) => existing(resolve(cwd, path), errors.allowWrite)),
    allowSocket: asked.allowSocket.map((path) => socket(resolve(cwd, path))),
    allowCap: asked.allowCap.map(parseCapability),
    allowFamily: asked.allowFamily.map(parseFamily),
  };
}

function existing(path: string, spec: ErrorSpec): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw failure(spec, { path, reason: 'it does not exist' }, cause);
  }
}

function socket(path: string): string {
  let real = path;
  try {
    real = realpathSync(path);
  } catch {
    // The check below says it.
  }
  if (!isSocket(real)) throw failure(errors.allowSocket, { path });
  return real;
}

/** The flags that are set, as a person would write them: for the sentence that refuses them. */
export function flagsOf(openings: Openings): readonly string[] {
  return [
    ...(openings.allowRead.length > 0 ? ['--allow-read'] : []),
    ...(openings.allowWrite.length > 0 ? ['--allow-write'] : []),
    ...(openings.allowSocket.length > 0 ? ['--allow-socket'] : []),
    ...(openings.allowCap.length > 0 ? ['--allow-cap'] : []),
    ...(openings.allowFamily.length > 0 ? ['--allow-family'] : []),
    ...(openings.allowIoUring ? ['--allow-io-uring'] : []),
    ...(openings.allowUserNamespaces ? ['--allow-user-namespaces'] : []),
  ];
}

/** One sentence for each thing that is open; what can be read beside the system is not worth one. */
export function describeOpenings(openings: Openings): readonly string[] {
  return [
    ...openings.allowWrite.map((path) => `The command may write to ${path}.`),
    ...openings.allowSocket.map(
      (path) => `The command may use ${path}: what listens there acts outside the policy.`,
    ),
    ...openings.allowCap.map((cap) => `The command has the capability ${cap}.`),
    ...openings.allowFamily
      .map(parseFamily)
      .map((family) => `The command may use ${family} sockets: ${familyOpens(family)}.`),
    ...(openings.allowIoUring
      ? ['The command may use io_uring: it can make sockets of any family.']
      : []),
    ...(openings.allowUserNamespaces
      ? ['The command may make user namespaces: it has every capability inside them.']
      : []),
  ];
}
