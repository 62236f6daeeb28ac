/** A program of a test that can be stopped, killed, paused and started again in the same place. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../cluster/node/control-plane.ts';
import { ended } from '../cluster/node/node.ts';
import { waitFor } from '../cluster/wait.ts';
import { PATH } from '../lab/execute.ts';
import type { Folder } from './folder.ts';

/** A program that has not ended so long after SIGTERM gets SIGKILL. */
const GRACE_MS = 30_000;

export class Running {
  readonly #folder: Folder;
  readonly #program: Program;
  readonly #answers: () => Promise<boolean>;
  #child: ChildProcess | undefined;

  /** @param answers is it ready for work? What it throws counts as no. */
  constructor(folder: Folder, program: Program, answers: () => Promise<boolean>) {
    this.#folder = folder;
    this.#program = program;
    this.#answers = answers;
  }

  get name(): string {
    return this.#program.name;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    return join(this.#folder.logs, `${this.name}.log`);
  }

  /** Starts it, and resolves when it answers. @throws TW_CLUSTER_PROGRAM_ENDED, TW_CLUSTER_LATE */
  async start(): Promise<void> {
    const child = this.#spawn();
    this.#child = child;
    await waitFor(`${this.name} answers`, this.#answers, {
      everyMs: 50,
      unless: () => {
        if (child.exitCode !== null || child.signalCode !== null) throw ended(this.#folder, this);
      },
    });
  }

  /** As a rollout ends it: SIGTERM, and resolves when it has ended. */
  async stop(): Promise<void> {
    const forced = setTimeout(() => this.#child?.kill('SIGKILL'), GRACE_MS);
    try {
      await this.#end('SIGTERM');
    } finally {
      clearTimeout(forced);
    }
  }

  /** As a crash ends it, also while it is paused. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** From now on it answers nobody, and keeps its connections open: SIGSTOP. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    // While somebody waits for its end, it counts.
    child.ref();
    const gone = once(child, 'exit');
    const over = child.exitCode !== null || child.signalCode !== null;
    if (!over && child.kill(signal)) await gone;
    this.#child = undefined;
  }

  /** It ends with this process, whatever ends that. */
  #spawn(): ChildProcess {
    const { command, args } = this.#program;
    const log = openSync(this.log, 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      cwd: this.#folder.path,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH, LANG: 'C.UTF-8', HOME: this.#folder.path },
    });
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    return child;
  }
}
