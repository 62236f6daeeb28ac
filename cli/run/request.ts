/** From flags to a request: who, where, which policy, what is opened. */
import { closeSync, writeSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { failure } from '#api/error.ts';
import {
  assertPolicyOwned,
  type Decided,
  decide,
  readRunConfig,
  runConfigPath,
} from '../sandbox/delegation.ts';
import { type Openings, resolveOpenings } from '../sandbox/openings.ts';
import { callerOf, lookUpUser, rootUser, type SandboxUser } from '../sandbox/user.ts';
import { errors } from './errors.ts';
import { openEvents } from './output.ts';
import type { Style } from './present.ts';
import type { RunRequest } from './run.ts';
import { openSuggestion } from './suggestion.ts';

/** As commander gives them. */
export interface RunFlags {
  readonly policy?: string;
  readonly observe?: boolean;
  readonly json?: boolean;
  readonly output?: string;
  readonly suggest?: string;
  readonly project?: string;
  readonly job?: string;
  readonly upstream?: string[];
  readonly user?: string;
  readonly allowRead?: string[];
  readonly allowWrite?: string[];
  readonly allowSocket?: string[];
  readonly allowCap?: string[];
  readonly allowFamily?: string[];
  readonly allowIoUring?: boolean;
  readonly allowUserNamespaces?: boolean;
}

/** They choose what holds, beside the policy, --observe and what opens something. */
const choosingFlags = ['upstream', 'user', 'project', 'job'] as const;

export function readRequest(
  command: readonly string[],
  flags: RunFlags,
  { version, style }: { version: string; style: Style },
): RunRequest {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) throw failure(errors.notRoot, { uid });
  const cwd = process.cwd();
  const caller = callerOf(process.env);
  const callingUser = caller === undefined ? undefined : lookUpUser(caller);
  const decided = decideFor(flags, callingUser);
  if (decided.policy === undefined) throw failure(errors.noPolicy, { path: runConfigPath });
  assertPolicyOwned(decided);
  const policyPath = resolve(cwd, decided.policy);
  const user = callingUser ?? rootUser;
  const output = flags.output === undefined ? undefined : resolve(cwd, flags.output);
  const file = output === undefined ? undefined : openEvents({ path: output, policyPath, user });
  const suggestion =
    flags.suggest === undefined
      ? undefined
      : openSuggestion({
          path: resolve(cwd, flags.suggest),
          policyPath,
          output,
          user,
        });
  return {
    policyPath,
    observe: flags.observe === true,
    project: flags.project,
    job: flags.job,
    upstreams: flags.upstream ?? [],
    openings: resolveOpenings(decided.openings, cwd),
    user: userOf(flags.user, callingUser),
    cwd,
    env: process.env,
    command: command as [string, ...string[]],
    version,
    report: {
      json: flags.json === true,
      style,
      tell: (text) => process.stderr.write(text),
      ...(file === undefined ? {} : { file: { write: (text) => writeSync(file, text) } }),
    },
    suggestion,
    done: () => {
      if (file !== undefined) closeSync(file);
      suggestion?.close();
    },
  };
}

function decideFor(flags: RunFlags, caller: SandboxUser | undefined): Decided {
  const asked = {
    ...(flags.policy === undefined ? {} : { policy: flags.policy }),
    observe: flags.observe === true,
    openings: openingsOf(flags),
    choosing: choosingFlags.filter((flag) => flags[flag] !== undefined).map((flag) => `--${flag}`),
  };
  return decide(asked, caller, readRunConfig());
}

function openingsOf(flags: RunFlags): Openings {
  return {
    allowRead: flags.allowRead ?? [],
    allowWrite: flags.allowWrite ?? [],
    allowSocket: flags.allowSocket ?? [],
    allowCap: flags.allowCap ?? [],
    allowFamily: flags.allowFamily ?? [],
    allowIoUring: flags.allowIoUring === true,
    allowUserNamespaces: flags.allowUserNamespaces === true,
  };
}

/** A given user, the one who called sudo, or root itself with its HOME of now. */
function userOf(name: string | undefined, caller: SandboxUser | undefined): SandboxUser {
  if (name !== undefined) return lookUpUser(name);
  if (caller !== undefined) return caller;
  const home = process.env.HOME;
  return { ...rootUser, ...(home !== undefined && isAbsolute(home) ? { home } : {}) };
}
