/**
 * Signals to the command inside a sandbox. The command is process 2 of its PID namespace (bwrap itself
 * is 1), so it is found in the target's cgroup by the last number of its NSpid line (proc(5)).
 */
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';

import { membersOf } from '#agent/cgroup/cgroup.ts';

export interface Sandbox {
  /** Folder of the target's cgroup. */
  readonly cgroup: string;
  /** bwrap's inner process, by the host's number. */
  readonly init: number;
  /** argv of the programs that run before the command and then become it. */
  readonly prefix: readonly string[];
}

export function signalNumber(name: NodeJS.Signals): number {
  return constants.signals[name];
}

/** How long a signal waits for the command to take its own shape, in steps of 5 ms. */
const STEPS = 100;

/**
 * @returns false when the command has ended
 */
export async function signalSandbox(sandbox: Sandbox, name: NodeJS.Signals): Promise<boolean> {
  for (let step = 0; step < STEPS; step++) {
    const pid = commandPid(sandbox);
    // The programs before the command ignore signals, and a signal to them would be lost.
    if (pid !== undefined && !isPreparing(pid, sandbox.prefix, signalNumber(name))) {
      return send(pid, name);
    }
    if (pid === undefined && !isAlive(sandbox.init)) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const pid = commandPid(sandbox);
  return pid !== undefined && send(pid, name);
}

/** The host's number of the command; undefined before it exists and after its end. */
export function commandPid({ cgroup, init }: Pick<Sandbox, 'cgroup' | 'init'>): number | undefined {
  return membersOf(cgroup).find((pid) => {
    const status = statusOf(pid);
    return status.ppid === init && status.namespacePids.at(-1) === 2;
  });
}

interface Status {
  readonly ppid: number | undefined;
  /** From the outermost namespace that we see to the innermost. */
  readonly namespacePids: readonly number[];
  /** Bit n - 1 stands for signal n. */
  readonly ignored: bigint;
}

function statusOf(pid: number): Status {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    // It has ended: no line is there, and nothing matches.
  }
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1];
  const ppid = field('PPid');
  return {
    ppid: ppid === undefined ? undefined : Number(ppid),
    namespacePids: (field('NSpid') ?? '').split(/\s+/).filter(Boolean).map(Number),
    ignored: BigInt(`0x${field('SigIgn') ?? '0'}`),
  };
}

function isPreparing(pid: number, prefix: readonly string[], signal: number): boolean {
  if (((statusOf(pid).ignored >> BigInt(signal - 1)) & 1n) === 0n) return false;
  const program = programOf(pid);
  return program === undefined || /\/bwrap$/.test(program) || prefix.includes(program);
}

function programOf(pid: number): string | undefined {
  try {
    const link = readlinkSync(`/proc/${pid}/exe`);
    return realpathSync(link);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  return statusOf(pid).ppid !== undefined;
}

function send(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
