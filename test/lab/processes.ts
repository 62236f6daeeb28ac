/** The processes that a lab started: how they start, how they are awaited, how they are ended. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { enter } from './enter.ts';
import { PATH, pause } from './execute.ts';
import { processStart } from './names.ts';
import { namespaceName, type Side } from './namespaces.ts';

/** How long a program on the `host` side may take to end in order. */
const GRACE_MS = 3000;

export interface SpawnInLab extends Pick<SpawnOptions, 'cwd' | 'stdio' | 'uid' | 'gid'> {
  /** Added to a minimal environment (PATH, HOME, LANG); nothing else of the caller's gets in. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunInLab extends Omit<SpawnInLab, 'stdio'> {
  readonly input?: string;
  /** Killed after this many ms; 60 000 unless told. */
  readonly timeout?: number;
}

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Programs of tests for our own Node may use what an earlier start has compiled: ../kernels sets it. */
function compileCache(command: string): Record<string, string> {
  const { NODE_COMPILE_CACHE } = process.env;
  if (NODE_COMPILE_CACHE === undefined || command !== process.execPath) return {};
  return { NODE_COMPILE_CACHE };
}

export class LabProcesses {
  readonly #id: string;
  readonly #folder: string;
  readonly #children = new Map<ChildProcess, Side>();

  constructor(id: string, folder: string) {
    this.#id = id;
    this.#folder = folder;
  }

  /** Its own process group, so that a terminal's Ctrl-C reaches it only by way of who started it. */
  spawn(side: Side, command: string, args: readonly string[], options: SpawnInLab): ChildProcess {
    const { env, ...rest } = options;
    const line = enter(namespaceName(this.#id, side), this.#folder, command, args);
    const child = spawn(line.command, line.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...rest,
      detached: true,
      env: { PATH, HOME: this.#folder, LANG: 'C.UTF-8', ...compileCache(command), ...env },
    });
    this.#children.set(child, side);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  async run(
    side: Side,
    command: string,
    args: readonly string[],
    options: RunInLab,
  ): Promise<Ended> {
    const { input, timeout, ...rest } = options;
    const stdin = input === undefined ? 'ignore' : 'pipe';
    const child = this.spawn(side, command, args, { ...rest, stdio: [stdin, 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program may end without having read its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    const clock = setTimeout(() => endGroup(child), timeout ?? 60_000);
    try {
      const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
        (done, no) => {
          child.once('close', (...end) => done(end));
          child.once('error', no);
        },
      );
      return { code, signal, stdout: text(stdout), stderr: text(stderr) };
    } finally {
      clearTimeout(clock);
    }
  }

  /**
   * Ends what was started and still lives. A program on the `host` side may first end in order, since
   * torwacht has something to put back. What left its process group is ended by namespace.
   */
  killAll(): void {
    const asked = [...this.#children].filter(([child, side]) => side === 'host' && lives(child));
    for (const [child] of asked) child.kill('SIGTERM');
    for (let waited = 0; waited < GRACE_MS; waited += 10) {
      if (!asked.some(([child]) => isRunning(child))) break;
      pause(10);
    }
    for (const child of this.#children.keys()) endGroup(child);
    this.#children.clear();
  }
}

/** Not yet reaped by Node, so its pid is still its own. */
function lives(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Node learns that a child ended only after the current turn; /proc knows at once. */
function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && processStart(child.pid) !== undefined;
}

/** The pid is ours for as long as Node has not reaped the child, so this can hit nobody else. */
export function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || !lives(child)) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
