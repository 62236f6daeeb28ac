/** What stories share: a probe that waits for steps which only a running test can name. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kernel } from '#bpf/kernel.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { follow, type Running, until } from '../e2e/stage.ts';
import type { Held, Outcomes } from './ground.ts';
import { outcomes, type RunGround, readReport } from './run-ground.ts';
import { Missing, type Witness } from './technique.ts';

export interface WaitingProbe {
  readonly running: Running;
  /** Gives it its steps, once; resolves when it has taken them. */
  take(...steps: string[]): Promise<Outcomes>;
  /** All of the run, when it has ended. */
  ended(): Promise<Held>;
}

export interface WaitingOptions {
  readonly flags?: readonly string[];
  /** The path of a policy, in place of the group's. */
  readonly policy?: string;
}

let scripts = 0;

/** A probe under `torwacht run` that waits for its steps, for ten seconds at most. */
export function heldProbe(ground: RunGround, options: WaitingOptions = {}): WaitingProbe {
  const { stage, group } = ground;
  const { file, command } = waiting(ground);
  const running = stage.start({
    policy: options.policy ?? group.policy,
    flags: ['--json', ...(options.flags ?? [])],
    command,
  });
  return around(running, file);
}

/** The same without torwacht. */
export function freeProbe(ground: RunGround): WaitingProbe {
  const { stage } = ground;
  const { file, command } = waiting(ground);
  const [program = '', ...args] = command;
  return around(follow(stage.lab.spawn('host', program, args, { cwd: stage.work })), file);
}

function waiting({ stage, probe }: RunGround) {
  const name = `steps-${++scripts}`;
  return { file: join(stage.work, name), command: probe('up', `script ./${name}`) };
}

function around(running: Running, file: string): WaitingProbe {
  return {
    running,
    take: async (...steps) => {
      await until(() => running.stdout().startsWith('up\t'), 'the probe');
      writeFileSync(`${file}.new`, steps.map((step) => `${step}\n`).join(''));
      renameSync(`${file}.new`, file);
      const done = `script ./${file.slice(file.lastIndexOf('/') + 1)}\t`;
      await until(() => running.stdout().includes(done), 'the end of the steps');
      rmSync(file);
      return outcomes(running.stdout());
    },
    ended: async () => {
      await running.ended;
      return { outcomes: outcomes(running.stdout()), ...readReport(running.stderr()) };
    },
  };
}

export interface Both {
  readonly free: Outcomes;
  readonly held: Held;
  readonly seenFree: number;
  readonly seenHeld: number;
}

/** Steps that only a story can name, free and held, and what the witness saw of each. */
export async function tryBoth(
  ground: RunGround,
  steps: readonly string[],
  witness: Witness,
): Promise<Both> {
  const seen = () => ground.seen([witness])[0] ?? 0;
  const start = seen();
  const free = await ground.free(steps);
  await until(() => seen() > start, 'what the control sent', 100).catch(() => undefined);
  const between = seen();
  const held = await ground.held(steps);
  return { free, held, seenFree: between - start, seenHeld: seen() - between };
}

/** @throws Missing on a kernel before 6.7, where abstract Unix sockets are a limit (docs/limits.md) */
export async function needUnixHooks(): Promise<void> {
  const kernel = await Kernel.load(singleTargetSizes);
  kernel.close();
  if (kernel.missing.has('unix')) throw new Missing('a kernel with hooks of Unix sockets (6.7)');
}
