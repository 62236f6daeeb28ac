/** From flags to a request: who, where, which policy, what is opened. */
import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { failure } from '#api/error.ts';
import { type Openings, resolveOpenings } from '../sandbox/openings.ts';
import { callerOf, lookUpUser, type SandboxUser } from '../sandbox/user.ts';
import { errors } from './errors.ts';
import type { Style } from './present.ts';
import type { RunRequest } from './run.ts';

/** As commander gives them. */
export interface RunFlags {
  readonly policy?: string;
  readonly observe?: boolean;
  readonly json?: boolean;
  readonly output?: string;
  readonly project?: string;
  readonly job?: string;
  readonly upstream?: string[];
  readonly user?: string;
  readonly allowWrite?: string[];
  readonly allowSocket?: string[];
  readonly allowCap?: string[];
  readonly allowFamily?: string[];
  readonly allowIoUring?: boolean;
  readonly allowUserNamespaces?: boolean;
}

/** Where root puts the policy of a host. */
const HOST_POLICY = '/etc/torwacht/policy.d';

export function readRequest(
  command: readonly string[],
  flags: RunFlags,
  { version, style }: { version: string; style: Style },
): RunRequest {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) throw failure(errors.notRoot, { uid });
  const cwd = process.cwd();
  const policyPath = flags.policy ?? HOST_POLICY;
  if (flags.policy === undefined && !existsSync(HOST_POLICY)) {
    throw failure(errors.noPolicy, { path: HOST_POLICY });
  }
  return {
    policyPath: existsSync(policyPath) ? realpathSync(policyPath) : policyPath,
    policyFixed: false,
    observe: flags.observe === true,
    project: flags.project,
    job: flags.job,
    upstreams: flags.upstream ?? [],
    openings: resolveOpenings(openingsOf(flags), cwd),
    user: userOf(flags.user),
    cwd,
    env: process.env,
    command: command as [string, ...string[]],
    version,
    report: {
      json: flags.json === true,
      style,
      tell: (text) => process.stderr.write(text),
    },
  };
}

function openingsOf(flags: RunFlags): Openings {
  return {
    allowWrite: flags.allowWrite ?? [],
    allowSocket: flags.allowSocket ?? [],
    allowCap: flags.allowCap ?? [],
    allowFamily: flags.allowFamily ?? [],
    allowIoUring: flags.allowIoUring === true,
    allowUserNamespaces: flags.allowUserNamespaces === true,
  };
}

/** A given user, the one who called sudo, or root itself with its HOME of now. */
function userOf(name: string | undefined): SandboxUser {
  if (name !== undefined) return lookUpUser(name);
  const caller = callerOf(process.env);
  if (caller !== undefined) return lookUpUser(caller);
  const home = process.env.HOME;
  return { ...lookUpUser(0), ...(home !== undefined && isAbsolute(home) ? { home } : {}) };
}
