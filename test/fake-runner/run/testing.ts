/**
 * A cluster of one pod in this process: its containers are real shells in sandboxes of bubblewrap, which
 * share three folders as a pod's containers share volumes. How the pod comes to run is the test's script.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '../pod/pod.ts';
import { type Cluster, Lost, type PodStatus, Refused } from './cluster.ts';
import type { World } from './run.ts';

export const status = (phase: string, rest: Partial<PodStatus> = {}): PodStatus => ({
  phase,
  deleting: false,
  conditions: [],
  containers: [],
  ...rest,
});

export interface Script {
  /** What each look at the pod sees, the last one again and again. */
  readonly seen?: readonly (PodStatus | null)[];
  /** Why the pod is not taken. */
  readonly refused?: string;
  readonly warnings?: readonly string[];
  /** The pod is gone after so many commands in it. */
  readonly gone?: number;
}

export interface TestWorld extends World {
  readonly pods: readonly Pod[];
  readonly deleted: readonly string[];
  /** All that was written, with the marks of sections in lines of their own, as the recordings have it. */
  log(): string;
  /** Seconds that were slept between two looks at the pod. */
  readonly slept: readonly number[];
}

export function createTestWorld(context: TestContext, script: Script = {}): TestWorld {
  const sandbox = createSandbox(context);
  const pods: Pod[] = [];
  const deleted: string[] = [];
  const slept: number[] = [];
  const seen = [...(script.seen ?? [status('Running')])];
  let written = '';
  let commands = 0;
  const cluster: Cluster = {
    async create(pod) {
      if (script.refused !== undefined) throw new Refused(script.refused);
      pods.push(pod);
      sandbox.start(pod);
    },
    status: async () => (seen.length > 1 ? seen.shift() : seen[0]) ?? null,
    warnings: async () => [...(script.warnings ?? [])],
    async exec(_place, _container, command, input) {
      commands += 1;
      if (script.gone !== undefined && commands > script.gone) {
        seen.splice(0, seen.length, null);
        throw new Lost('unable to upgrade connection: container not found');
      }
      return sandbox.exec(command, input);
    },
    type(_place, container, input) {
      sandbox.type(container, input);
      return { lost: () => null, end: async () => undefined };
    },
    async delete({ pod }) {
      deleted.push(pod);
    },
  };
  return {
    cluster,
    pods,
    deleted,
    slept,
    keep: false,
    write: (text) => {
      written += text;
    },
    log: () => written.replaceAll('\r', '\n'),
    now: () => 0,
    async sleep(seconds) {
      slept.push(seconds);
      await pause(10);
    },
    suffix: () => 'f70d02nm',
  };
}

function createSandbox(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-fake-runner-'));
  const shells = new Map<string, ChildProcess>();
  context.after(async () => {
    // At the end of its input a shell ends by itself, however far its sandbox has come.
    await Promise.all([...shells.values()].map(endOfInput));
    rmSync(folder, { recursive: true, force: true });
  });
  let binds: string[] = [];
  // A job that sleeps need not take its time here.
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/sleep'), '#!/bin/sh\n', { mode: 0o755 });
  const enter = (command: readonly string[]): [string, string[]] => {
    const system = [
      '--ro-bind',
      '/usr',
      '/usr',
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      '--die-with-parent',
    ];
    const links = ['bin', 'lib', 'lib64'].flatMap((name) => [
      '--symlink',
      `usr/${name}`,
      `/${name}`,
    ]);
    const apart = ['--unshare-net', '--unshare-pid', '--unshare-uts', '--hostname', 'testing-pod'];
    const env = ['--clearenv', '--setenv', 'PATH', '/fake/bin:/usr/bin'];
    const bin = ['--ro-bind', join(folder, 'bin'), '/fake/bin'];
    return ['bwrap', [...system, ...links, ...apart, ...bin, ...binds, ...env, '--', ...command]];
  };
  return {
    start(pod: Pod) {
      binds = (pod.spec.containers[0]?.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
        mkdirSync(join(folder, name));
        return ['--bind', join(folder, name), mountPath];
      });
      for (const { name, command = [] } of pod.spec.containers.slice(0, 2)) {
        const [program, args] = enter(command);
        shells.set(name, spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] }));
      }
    },
    async exec(command: readonly string[], input = ''): Promise<string> {
      const [program, args] = enter(command);
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk;
      });
      child.stderr.on('data', (chunk: Buffer) => {
        err += chunk;
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
      const code = await new Promise<number | null>((done) => child.once('close', done));
      // The init container made the file of the output; here the first script does.
      if (code !== 0 && /No such file/.test(err)) return '';
      if (code !== 0) throw new Lost(err.trim());
      return out;
    },
    type(container: string, input: string) {
      shells.get(container)?.stdin?.write(input);
    },
  };
}

async function endOfInput(shell: ChildProcess): Promise<void> {
  if (shell.exitCode !== null || shell.signalCode !== null) return;
  const gone = new Promise((done) => shell.once('exit', done));
  shell.stdin?.end();
  await gone;
}
