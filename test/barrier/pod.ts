/**
 * What a pod is to the barrier: a cgroup, a network namespace of its own, a root that is read-only and
 * holds the barrier and a termination log, a user that is nobody. And the agent, which does what it is told.
 */

import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupOf, createCgroup, newCgroupId, removeCgroup } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { pinRoot, useBpffs } from '#agent/leftovers/bpffs.ts';
import { prepareState, startOf, writeRun } from '#agent/leftovers/registry.ts';
import { removeTraces, sweep } from '#agent/leftovers/sweep.ts';
import { follow, type Running } from '../e2e/stage.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { Hooks, PodConfig } from './fixtures/pod-side.ts';
import { BARRIER, PROBES, SERVER } from './run.ts';

export interface Pod {
  readonly lab: Lab;
  /** Attaches all programs, or those of one kind; port 53 leads to the agent; the agent answers. */
  attach(hooks: Hooks): Promise<void>;
  redirect(): Promise<void>;
  /** The kernel follows flows from now on (conntrack). */
  track(): Promise<void>;
  answer(): Promise<void>;
  /** Rows of evidence in the kernel. */
  rows(): Promise<number>;
  /** The barrier in the pod. */
  start(...args: string[]): Running;
  terminationLog(): string;
  close(): Promise<void>;
}

const ROOT_IS_READ_ONLY =
  'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; mount --bind "$2" "$1/dev/termination-log"';
const ENTER = 'echo 0 > "$3/cgroup.procs"; root=$1; shift 3';
const BECOME =
  'exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$root" /barrier "$@"';

export async function createPod(observe = false): Promise<Pod> {
  const lab = createLab({ name: 'pod', addresses: [SERVER, ...PROBES] });
  const undo: (() => void | Promise<void>)[] = [() => lab.close()];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    prepareState();
    const bpffs = useBpffs();
    undo.push(() => sweep().then(() => undefined), bpffs.done);
    const id = newCgroupId();
    const cgroup = createCgroup(cgroupOf(), id);
    undo.push(() => removeCgroup(cgroup.path));
    const pins = join(pinRoot(bpffs.path), id);
    const run = {
      id,
      pid: process.pid,
      started: startOf(process.pid) ?? '',
      cgroup: cgroup.path,
      pins,
      command: 'test',
    };
    writeRun(run);
    undo.push(
      () => removeTraces(run),
      () => killAll(cgroup.path),
    );
    const agent = await startAgent(lab, {
      cgroup: { ...cgroup, id: String(cgroup.id) },
      pins,
      observe,
    });
    const { root, log } = makeRoot(lab);
    const script = `set -e; ${ROOT_IS_READ_ONLY}; ${ENTER}; ${BECOME}`;
    return {
      lab,
      attach: (hooks) => agent('attach', hooks).then(() => undefined),
      redirect: () => agent('redirect').then(() => undefined),
      track: () => agent('track').then(() => undefined),
      answer: () => agent('answer').then(() => undefined),
      rows: () => agent('rows') as Promise<number>,
      start: (...args) =>
        follow(lab.spawn('host', 'sh', ['-c', script, 'sh', root, log, cgroup.path, ...args])),
      terminationLog: () => readFileSync(log, 'utf8'),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Nothing but the barrier: no /proc, no /etc, no library. */
function makeRoot(lab: Lab): { root: string; log: string } {
  const root = join(lab.folder, 'root');
  const log = join(lab.folder, 'termination-log');
  mkdirSync(join(root, 'dev'), { recursive: true });
  copyFileSync(BARRIER, join(root, 'barrier'));
  writeFileSync(join(root, 'dev/termination-log'), '');
  writeFileSync(log, '');
  // As the kubelet makes it, for whatever user a container has.
  chmodSync(log, 0o666);
  for (const path of [lab.folder, root, join(root, 'dev')]) chmodSync(path, 0o755);
  return { root, log };
}

async function startAgent(lab: Lab, config: PodConfig) {
  const script = join(import.meta.dirname, 'fixtures/pod-side.ts');
  const child = lab.spawn('host', process.execPath, [script, JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the agent ended with ${code}`);
  });
  ended.catch(() => undefined);
  const reply = async () => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [
      { result?: unknown; error?: string },
    ];
    if (message.error !== undefined) throw new Error(message.error);
    return message.result;
  };
  await reply();
  return (call: string, ...args: readonly unknown[]): Promise<unknown> => {
    const answer = reply();
    child.send({ call, args });
    return answer;
  };
}
