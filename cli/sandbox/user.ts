/** Who the command will be: numbers, groups and home of a user, from the host's own user database. */
import { spawnSync } from 'node:child_process';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';

export interface SandboxUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one may be among them. */
  readonly groups: readonly number[];
  /** Undefined for a number that has no entry. */
  readonly name?: string;
  readonly home?: string;
  readonly shell?: string;
}

/** Root, without a look-up: its number means it, whatever the user database says. */
export const rootUser: SandboxUser = {
  uid: 0,
  gid: 0,
  groups: [0],
  name: 'root',
  home: '/root',
  shell: '/bin/sh',
};

/** @param user name or number @throws TW_RUN_NO_USER */
export function lookUpUser(user: string | number): SandboxUser {
  const entry = ask('getent', ['passwd', '--', String(user)]).split('\n')[0] ?? '';
  const [name, , uid, gid, , home, shell] = entry.split(':');
  if (name === undefined || name === '' || uid === undefined || gid === undefined) {
    throw failure(errors.noUser, { user });
  }
  const groups = ask('id', ['-G', '--', name]).trim().split(/\s+/).filter(Boolean).map(Number);
  return {
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.length === 0 ? [Number(gid)] : groups,
    name,
    ...(home === undefined || home === '' ? {} : { home }),
    ...(shell === undefined || shell === '' ? {} : { shell }),
  };
}

function ask(program: string, args: readonly string[]): string {
  const answer = spawnSync(program, args, {
    encoding: 'utf8',
    env: { PATH: safePath, LC_ALL: 'C' },
  });
  return answer.status === 0 ? answer.stdout : '';
}

/** Programs that we start ourselves are looked for here, whatever PATH the caller has. */
export const safePath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The number of the user for whom root was asked to run us: sudo, pkexec. Undefined when root itself
 * started us.
 */
export function callerOf(env: NodeJS.ProcessEnv): number | undefined {
  for (const name of ['SUDO_UID', 'PKEXEC_UID']) {
    const text = env[name];
    if (text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) !== 0) return Number(text);
  }
  return undefined;
}
