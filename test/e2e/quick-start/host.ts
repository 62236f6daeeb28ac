/**
 * A host for the commands of the page: a copy that looks like a checkout, /etc and /usr/local/bin of its own, and in
 * the place of programs that need a cluster, or would change this machine, some that write down how they were called.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Call, Place } from '#cli/docs/commands.ts';
import { readIfThere, type Stage, TORWACHT } from '../stage.ts';
import { root } from './page.ts';

/** Whom sudo is asked by: an ordinary user that every host has. */
export const CALLER = 65534;

/** Written down, never run. */
const recorded = ['make', 'helm', 'kubectl', 'flux', 'visudo'];

const record = `{ printf '%s' "\${0##*/}"; for word; do printf '\\t%s' "$word"; done; echo; } >>"$RECORD"`;

/** What torwacht asks a cluster or a node of one; all else is run. */
const torwacht = `#!/bin/sh
case "$*" in
get\\ *|explain\\ *|status*|suggest\\ *|doctor\\ --cluster*) ${record} ;;
*) exec ${TORWACHT} "$@" ;;
esac
`;

/** As sudo does it: who asked is in variables. Whoever is named by -u is the same user here. */
const sudo = `#!/bin/sh
[ "$1" = -u ] && shift 2
SUDO_UID=${CALLER} SUDO_GID=${CALLER} SUDO_USER=nobody exec "$@"
`;

export interface Ran {
  readonly calls: readonly Call[];
  /** Commands that ended with another status than 0, and with which. */
  readonly failed: readonly { readonly status: number; readonly command: string }[];
  readonly output: string;
  /** Of the copy. */
  readonly folder: string;
}

function program(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

/** Makes the copy, in a folder that anybody may enter and its user may write to. */
function checkout(stage: Stage, name: string): { folder: string; programs: string } {
  const folder = join(stage.lab.folder, name);
  const programs = join(stage.lab.folder, `${name}-programs`);
  for (const path of [folder, join(folder, 'bin'), programs]) mkdirSync(path);
  program(join(folder, 'bin'), 'torwacht', torwacht);
  for (const one of recorded) program(programs, one, `#!/bin/sh\n${record}\n`);
  program(programs, 'sudo', sudo);
  for (const part of ['charts', 'config', 'docs', 'images', 'Makefile']) {
    symlinkSync(join(root, part), join(folder, part));
  }
  cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
  return { folder, programs };
}

/** Everything that the script changes outside of the copy is gone with its mount namespace. */
const around = `
set -u
mount -t tmpfs none "$1"
# Those of the laboratory lie over the host's, where an overlay does not see them.
for file in resolv.conf nsswitch.conf hosts; do cp "/etc/$file" "$1"; done
for path in /etc /usr/local/bin; do
  mkdir -p "$1$path/up" "$1$path/work"
  mount -t overlay -o "lowerdir=$path,upperdir=$1$path/up,workdir=$1$path/work" overlay $path
done
for file in resolv.conf nsswitch.conf hosts; do rm -f "/etc/$file"; cp "$1/$file" /etc; done
rm -rf /etc/torwacht /usr/local/bin/torwacht
mkdir -p /etc/sudoers.d
chown ${CALLER}:${CALLER} .
set -E
trap 'printf "%s\\t%s\\n" "$?" "$BASH_COMMAND" >>"$FAILED"' ERR
. "$2"
`;

export async function runScript(stage: Stage, name: string, script: string): Promise<Ran> {
  const { folder, programs } = checkout(stage, name);
  const at = (part: string) => join(stage.lab.folder, `${name}-${part}`);
  mkdirSync(at('upper'));
  writeFileSync(at('script'), `${script}\n: >"$END"\n`);
  const ended = await stage.lab.run(
    'host',
    'unshare',
    ['--mount', 'bash', '-c', around, 'bash', at('upper'), at('script')],
    {
      cwd: folder,
      env: {
        PATH: `${programs}:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin`,
        HOME: stage.home,
        USER: 'nobody',
        RECORD: at('record'),
        FAILED: at('failed'),
        END: at('end'),
      },
      timeout: 180_000,
    },
  );
  const lines = (file: string) => readIfThere(file).split('\n').slice(0, -1);
  if (!existsSync(at('end'))) throw new Error(`It ended before its end.\n${ended.stderr}`);
  return {
    folder,
    output: `${ended.stdout}${ended.stderr}`,
    calls: lines(at('record')).map((line) => line.split('\t')),
    failed: lines(at('failed')).map((line) => {
      const [status = '', command = ''] = line.split('\t');
      return { status: Number(status), command };
    }),
  };
}

/** A file that the script has written. */
export function written({ folder }: Ran, path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

/** What a command that was called in the copy finds there, now that the script has ended. */
export function placeOf(folder: string): Place {
  const at = (path: string) => join(folder, path);
  return {
    exists: (path) => existsSync(at(path)),
    read: (path) => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : undefined),
  };
}
