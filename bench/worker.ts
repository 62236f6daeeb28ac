/** The benches' programs in C: compiled for a bench, started, and told what to do line by line. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cgroup } from '#agent/cgroup/cgroup.ts';
import type { Lab } from '../test/lab/lab.ts';
import type { Side } from '../test/lab/namespaces.ts';

/** Compiles bench/NAME.c. @returns the program's path */
export function buildProgram(folder: string, name: string): string {
  const program = join(folder, name);
  const source = join(import.meta.dirname, `${name}.c`);
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  return program;
}

export interface Worker {
  readonly pid: number;
  /** One command, one line of answer. Rejects when the program ends instead. */
  ask(command: string): Promise<string>;
  /** The next line, for a program that speaks first. */
  next(): Promise<string>;
  enter(cgroup: Cgroup): void;
  /** All its threads on one processor from now on. */
  pin(processor: number): void;
  end(): Promise<void>;
}

/** What is measured has one processor for itself, as far as others leave it; the rest has another. */
export const [MEASURED, OTHERS] = twoProcessors(readFileSync('/proc/self/status', 'utf8'));

/** Two of those that this process may use, or the only one twice. */
export function twoProcessors(status: string): [measured: number, others: number] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  const allowed = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  const [first = 0, second = first] = allowed;
  return [first, second];
}

const stdio: NonNullable<SpawnOptions['stdio']> = ['pipe', 'pipe', 'inherit'];

/** `host` is the side that is measured. */
export function startInLab(lab: Lab, side: Side, program: string, args: readonly string[]): Worker {
  const processor = side === 'host' ? MEASURED : OTHERS;
  return follow(lab.spawn(side, 'taskset', ['-c', `${processor}`, program, ...args], { stdio }));
}

/** Anywhere, until it is told by `pin`. */
export function startProgram(program: string, args: readonly string[]): Worker {
  return follow(spawn(program, args, { stdio }));
}

/** A script of this folder, with the Node that runs this. */
export function startScript(script: string, args: readonly string[]): Worker {
  return startProgram(process.execPath, [join(import.meta.dirname, script), ...args]);
}

/** A program whose stdin and stdout are pipes. */
function follow(child: ChildProcess): Worker {
  const { stdin, stdout, pid } = child;
  if (!stdin || !stdout || pid === undefined) throw new Error('the program did not start');
  const closed = once(child, 'close');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  stdin.on('error', () => undefined);
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`a program ended with ${child.exitCode ?? child.signalCode}`);
    return value;
  };
  return {
    pid,
    next,
    ask(command) {
      stdin.write(`${command}\n`);
      return next();
    },
    enter(cgroup) {
      writeFileSync(join(cgroup.path, 'cgroup.procs'), String(pid));
    },
    pin(processor) {
      execFileSync('taskset', ['-a', '-c', '-p', `${processor}`, `${pid}`], { stdio: 'ignore' });
    },
    async end() {
      stdin.end();
      child.kill();
      await closed;
    },
  };
}
