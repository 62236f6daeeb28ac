/**
 * Starts a plan's sandbox with a command in it, inside a given cgroup, and tells how it ended.
 *
 * A shell puts itself into the cgroup before it becomes bwrap, so that bwrap and everything it ever
 * starts is in the target before it runs. The shell also ignores the signals that a terminal sends to
 * the whole group: bwrap's outer process must live as long as the command, whose exit status it
 * reports. `env --default-signal` gives the command their default back. `unshare` cuts the mount table
 * off the host's: what is mounted there later does not appear inside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';
import { dangerousFiles } from './inherited.ts';
import { heldSignals, type Plan } from './plan.ts';
import { signalNumber, signalSandbox } from './signal.ts';
import { StatusReader } from './status.ts';

/** Numbers of the two extra files that bwrap gets. */
const STATUS_FD = 3;
const SECCOMP_FD = 4;

/** Arguments are positional parameters, so nothing of a command or path is ever read as shell. */
const enterScript = `echo 0 > "$1/cgroup.procs" || exit 125
trap '' ${heldSignals.join(' ')}
shift
exec "$@"`;

export interface LaunchOptions {
  readonly plan: Plan;
  /** Folder of the target's cgroup. */
  readonly cgroup: string;
  /** The program that the addon made from `plan.seccomp`. */
  readonly seccomp: Uint8Array;
  /** The command and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Called once bwrap has made the sandbox's first process; its id is the host's. */
  readonly onStarted?: (pid: number) => void;
  /** Tests give pipes; the command's stdio is ours otherwise. */
  readonly stdio?: 'inherit' | 'pipe';
}

export interface Launched {
  /** bwrap's outer process: it ends with the command. */
  readonly pid: number;
  readonly child: ChildProcess;
  /**
   * The command's exit status, 128 + n when signal n ended it.
   * Rejects with TW_RUN_SANDBOX when the command did not start, TW_RUN_START when bwrap did not.
   */
  readonly exit: Promise<{ readonly code: number }>;
  /**
   * Sends a signal to the command itself, not to bwrap.
   * @returns false when the command has ended
   */
  signal(name: NodeJS.Signals): Promise<boolean>;
}

export function launch(options: LaunchOptions): Launched {
  const { plan, cgroup } = options;
  const child = spawnShell(options);
  const status = new StatusReader();
  const [, , , reports, filter] = child.stdio as [unknown, unknown, unknown, Readable, Writable];
  reports.setEncoding('utf8');
  reports.on('data', (chunk: string) => status.add(chunk));
  reports.on('close', () => status.end());
  // bwrap may end before it reads the filter; its exit says so.
  filter.on('error', () => {});
  filter.end(options.seccomp);
  void status.childPid.then((pid) => {
    if (pid !== undefined) options.onStarted?.(pid);
  });
  return {
    pid: child.pid ?? 0,
    child,
    exit: exitOf(child, reports, status, plan.programs.sh),
    signal: async (name) => {
      const init = await status.childPid;
      return init !== undefined && signalSandbox({ cgroup, init, prefix: plan.prefix }, name);
    },
  };
}

/**
 * The exit may be seen before bwrap's last report, and processes that the command left behind may hold
 * the report's pipe open: so we wait for the exit, and then for the report or the end of the pipe.
 */
function exitOf(
  child: ChildProcess,
  reports: Readable,
  status: StatusReader,
  program: string,
): Promise<{ code: number }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(failure(errors.cannotStart, { program }, cause)));
    child.once('exit', (code, signal) => {
      const settle = () => {
        if (status.exitCode !== undefined) resolve({ code: status.exitCode });
        else if (signal !== null) resolve({ code: 128 + signalNumber(signal) });
        else if (reports.closed) reject(failure(errors.sandboxFailed, { status: code ?? 'null' }));
        else return;
        reports.off('data', settle).off('close', settle).destroy();
      };
      reports.on('data', settle).on('close', settle);
      settle();
    });
  });
}

function spawnShell({ plan, cgroup, command, stdio = 'inherit' }: LaunchOptions): ChildProcess {
  const { sh, unshare, bwrap } = plan.programs;
  const argv = [
    ...['-c', enterScript, sh, cgroup],
    ...[unshare, '--mount', '--propagation', 'private', '--'],
    ...[bwrap, ...plan.bwrap],
    ...['--json-status-fd', String(STATUS_FD), '--seccomp', String(SECCOMP_FD), '--'],
    ...[...plan.prefix, ...command],
  ];
  const nothing = openSync('/dev/null', 'r');
  try {
    const files: ('inherit' | 'pipe' | 'ignore' | number)[] = [stdio, stdio, stdio, 'pipe', 'pipe'];
    for (const fd of dangerousFiles()) {
      while (files.length <= fd) files.push('ignore');
      if (fd > SECCOMP_FD) files[fd] = nothing;
    }
    return spawn(sh, argv, { env: plan.env, stdio: files });
  } finally {
    closeSync(nothing);
  }
}
