/**
 * What the tests of the sandbox share: a real sandbox in a cgroup of its own, with a working folder and
 * a home that are the test's.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

import {
  type Cgroup,
  cgroupOf,
  createCgroup,
  newCgroupId,
  removeCgroup,
} from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { native } from '#bpf/native.ts';

import { type HostFacts, readFacts } from './facts.ts';
import { type Launched, launch } from './launch.ts';
import { noOpenings, type Openings } from './openings.ts';
import { makePlan, type PlanOptions, type SeccompOptions } from './plan.ts';
import type { SandboxUser } from './user.ts';

/** A number that no host gives to a user. */
export const testUid = 1_954_321;

export const skip = missing();

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of ['bwrap', 'setpriv', 'gcc']) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    } catch {
      return `needs ${program}`;
    }
  }
  return false;
}

/** A folder of the test's; its own kind, since /tmp is private to the sandbox. */
export function folder(t: TestContext, parent = tmpdir()): string {
  const path = realpathSync(mkdtempSync(join(parent, 'torwacht-test-')));
  chmodSync(path, 0o755);
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The filter of system calls, by the addon that ships. */
export function buildFilter(options: SeccompOptions): Buffer {
  return native().seccompProgram(options);
}

/** Compiles probe.c into a folder, so that a sandbox with that working folder has it as ./probe. */
export function buildProbe(into: string): string {
  const probe = join(into, 'probe');
  execFileSync('gcc', ['-static', '-O2', join(import.meta.dirname, 'probe.c'), '-o', probe]);
  return probe;
}

export interface TestSandbox {
  readonly cwd: string;
  readonly home: string;
  readonly cgroup: Cgroup;
  readonly facts: () => HostFacts;
  readonly start: (command: readonly [string, ...string[]], options?: StartOptions) => Launched;
  /** Runs a shell script to its end. */
  readonly run: (script: string, options?: StartOptions) => Promise<Outcome>;
}

export interface StartOptions extends Partial<PlanOptions> {
  readonly allow?: Partial<Openings>;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly onStarted?: (pid: number) => void;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function sandbox(t: TestContext, uid = 0, parent?: string): TestSandbox {
  const base = folder(t, parent);
  const [cwd, home] = [join(base, 'work'), join(base, 'home')];
  for (const path of [cwd, home]) {
    mkdirSync(path);
    chownSync(path, uid, uid);
  }
  const cgroup = createCgroup(cgroupOf('self'), `test-${newCgroupId()}`);
  t.after(async () => {
    await killAll(cgroup.path);
    removeCgroup(cgroup.path);
  });
  const user: SandboxUser = { uid, gid: uid, groups: uid === 0 ? [0] : [uid, uid + 1], home };
  const factsIn = (options?: StartOptions) =>
    readFacts({ user, cwd: options?.cwd ?? cwd, env: { ...process.env, ...options?.env } });
  const start: TestSandbox['start'] = (command, options = {}) => {
    const plan = makePlan(factsIn(options), {
      openings: { ...noOpenings, ...options.allow },
      ...(options.resolvConf === undefined ? {} : { resolvConf: options.resolvConf }),
      ...(options.keepReadOnly === undefined ? {} : { keepReadOnly: options.keepReadOnly }),
    });
    return launch({
      plan,
      command,
      cgroup: cgroup.path,
      seccomp: buildFilter(plan.seccomp),
      stdio: 'pipe',
      ...(options.onStarted === undefined ? {} : { onStarted: options.onStarted }),
    });
  };
  const run: TestSandbox['run'] = async (script, options) => {
    const launched = start(['sh', '-c', script], options);
    const { stdin, stdout, stderr } = launched.child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    stdin.end();
    const [out, err, exit] = await Promise.all([text(stdout), text(stderr), launched.exit]);
    return { code: exit.code, stdout: out.trim(), stderr: err.trim() };
  };
  return { cwd, home, cgroup, facts: () => factsIn(), start, run };
}

/** Runs a program outside of any sandbox. Not execFileSync: a test's own server must answer meanwhile. */
export async function outside(program: string, ...args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  return out.trim();
}
