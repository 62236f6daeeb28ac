/**
 * The real command in a lab: a place to work, policies, a start, and waiting for what it says.
 *
 * @example
 * const stage = createStage(t, 'crash');
 * const run = stage.start({ policy: [good], command: ['npm', 'ci'] });
 * await until(() => run.stderr().includes('blocked'), 'a blocked row');
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab, type LabOptions } from '../lab/lab.ts';

const root = join(import.meta.dirname, '../..');
export const TORWACHT = join(root, 'bin/torwacht');

export const skip = unable();

function unable(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(join(root, 'build/torwacht.mjs'))) return 'needs a build (make)';
  return false;
}

/** Is there such a program on this machine? */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What a rule of a policy document looks like. */
export interface Rule {
  readonly fqdn?: readonly string[];
  readonly cidr?: readonly string[];
  readonly ports?: readonly { port: number; endPort?: number; protocol?: 'TCP' | 'UDP' }[];
  readonly private?: boolean;
}

export interface PolicySpec {
  readonly name?: string;
  readonly allow?: readonly Rule[];
  readonly deny?: readonly Rule[];
  readonly presets?: readonly string[];
  readonly selector?: object;
}

/** One EgressPolicy document; JSON is YAML. */
export function policyText(spec: PolicySpec): string {
  const { name = 'test', ...rest } = spec;
  const document = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name },
    spec: rest,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** A checkout below /tmp is private to nobody, and its programs are what tests run. */
const shown = /^\/(var\/)?tmp\//.test(root) ? ['--allow-read', root] : [];

export interface RunOptions {
  /** A document, or the path of a file or folder. */
  readonly policy: PolicySpec | string;
  readonly flags?: readonly string[];
  readonly command: readonly string[];
  /** A command line that becomes torwacht in the end. */
  readonly starter?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Exit status, or the signal that ended torwacht itself; all output has come by then. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface RunEnded {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Stage {
  readonly lab: Lab;
  /** Working folder and HOME of the command: it can write to these. */
  readonly work: string;
  readonly home: string;
  /** Writes a policy where the command cannot write; the same name again replaces it at once. */
  policy(text: string, name?: string): string;
  start(options: RunOptions): Running;
  run(options: RunOptions): Promise<RunEnded>;
}

export function createStage(t: TestContext, label: string, options: LabOptions = {}): Stage {
  const lab = createLab({ name: label, ...options });
  t.after(() => lab.close());
  return stageIn(lab);
}

/** One stage for all tests of a file: made before the first, gone after the last. */
export function sharedStage(label: string, furnish: (lab: Lab) => Promise<unknown>): () => Stage {
  let stage: Stage | undefined;
  before(async () => {
    if (skip !== false) return;
    stage = stageIn(createLab({ name: label }));
    await furnish(stage.lab);
  });
  after(() => stage?.lab.close());
  return () => {
    if (stage === undefined) throw new Error('the stage is made before the first test');
    return stage;
  };
}

/** The same in a lab that is there already. */
export function stageIn(lab: Lab): Stage {
  const [work, home, policies] = ['work', 'home', 'policies'].map((name) => {
    const path = join(lab.folder, name);
    mkdirSync(path);
    return path;
  }) as [string, string, string];
  let count = 0;
  const policy = (text: string, name = `policy-${++count}.yaml`): string => {
    const path = join(policies, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  };
  const start = (run: RunOptions): Running => {
    const path = typeof run.policy === 'string' ? run.policy : policy(policyText(run.policy));
    const args = ['run', '--policy', path, ...shown, ...(run.flags ?? []), '--', ...run.command];
    const [program = TORWACHT, ...before] = [...(run.starter ?? []), TORWACHT];
    const child = lab.spawn('host', program, [...before, ...args], {
      cwd: run.cwd ?? work,
      env: { HOME: home, ...run.env },
      stdio: [run.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(run.input);
    return follow(child);
  };
  const run = async (one: RunOptions): Promise<RunEnded> => {
    const running = start(one);
    const code = await running.ended;
    return { code, stdout: running.stdout(), stderr: running.stderr() };
  };
  return { lab, work, home, policy, start, run };
}

/** Keeps what a process prints. */
export function follow(child: ChildProcess): Running {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  const ended = new Promise<number | NodeJS.Signals>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done(code ?? signal ?? -1));
  });
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => Buffer.concat(out).toString('utf8'),
    stderr: () => Buffer.concat(err).toString('utf8'),
    ended,
  };
}

/** Looks every 20 ms until it is so, 30 s at most. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  steps = 1500,
): Promise<void> {
  for (let step = 0; step < steps; step++) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`waited in vain for: ${what}`);
}

/** A file's text; empty while there is none. */
export function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
