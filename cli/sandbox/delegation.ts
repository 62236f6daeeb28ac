/**
 * Who decides what is in force. Root that starts a command itself chooses policy and flags. When root
 * was asked by someone else (sudo, pkexec, a runner's sudo rule), that person must not weaken what
 * holds their own command: policy and flags then come from root's file alone, unless root trusts them.
 */
import { readFileSync } from 'node:fs';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';
import { flagsOf, noOpenings, type Openings } from './openings.ts';
import { assertRootOwned, assertRootOwnedTree } from './ownership.ts';
import { parseRunConfig, type RunConfig } from './run-config.ts';

export const runConfigPath = '/etc/torwacht/run.yaml';

/** The user for whom we run. */
export interface Caller {
  readonly uid: number;
  readonly name?: string;
}

export interface Asked {
  /** Path given by --policy. */
  readonly policy?: string;
  readonly observe: boolean;
  readonly openings: Openings;
  /** Other flags that are set and choose what holds, as written. */
  readonly choosing: readonly string[];
}

export interface Decided {
  /** Path of the policy; undefined when root gave none and has no file: the command line must. */
  readonly policy: string | undefined;
  readonly openings: Openings;
  /** Must the policy be root's alone (checked with `assertPolicyOwned`)? */
  readonly rootOwnedPolicy: boolean;
}

/**
 * @param caller undefined when root started us itself
 * @param config root's file; undefined when there is none
 * @throws TW_RUN_NO_CONFIG, TW_RUN_NOT_TRUSTED
 */
export function decide(
  asked: Asked,
  caller: Caller | undefined,
  config: RunConfig | undefined,
): Decided {
  const own = { policy: asked.policy, openings: asked.openings, rootOwnedPolicy: false };
  if (caller === undefined) return { ...own, policy: asked.policy ?? config?.policy };
  const user = caller.name ?? String(caller.uid);
  if (config === undefined) throw failure(errors.noConfig, { user, path: runConfigPath });
  if (isTrusted(caller, config)) {
    return asked.policy === undefined
      ? { ...own, policy: config.policy, rootOwnedPolicy: true }
      : own;
  }
  const what = [
    ...(asked.policy === undefined ? [] : ['--policy']),
    ...(asked.observe ? ['--observe'] : []),
    ...asked.choosing,
    ...flagsOf(asked.openings),
  ];
  if (what.length > 0) {
    throw failure(errors.notDelegated, { user, what: what.join(', '), path: config.path });
  }
  return { policy: config.policy, openings: config.openings, rootOwnedPolicy: true };
}

/** Has root listed this user as one who may choose policy and flags? */
function isTrusted(caller: Caller, config: RunConfig): boolean {
  return config.trustedUsers.some((user) => user === String(caller.uid) || user === caller.name);
}

/**
 * Root's file, or undefined when there is none.
 * @throws TW_RUN_NOT_ROOT_OWNED, TW_RUN_CONFIG
 */
export function readRunConfig(path = runConfigPath): RunConfig | undefined {
  try {
    assertRootOwned(path);
    return parseRunConfig(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A policy that root answers for: a file, or a folder with all that is in it. */
export function assertPolicyOwned(decided: Decided): void {
  if (decided.rootOwnedPolicy && decided.policy !== undefined) assertRootOwnedTree(decided.policy);
}

/** What is asked for when no flag is given. */
export const nothingAsked: Asked = { observe: false, openings: noOpenings, choosing: [] };
