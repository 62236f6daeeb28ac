/**
 * One virtual machine from its start to its end: a kernel on this host's root, read-only, and one job in
 * it (guest/main.ts). It is emulated, so its times mean nothing: hosts that are virtual machines themselves
 * show a /dev/kvm on which a machine never comes up. It has no network.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { PATH } from '../lab/execute.ts';
import { errors } from './errors.ts';
import type { Job } from './guest/job.ts';
import type { Image } from './image.ts';
import { KERNELS, ROOT } from './places.ts';

export interface Returned {
  /** The folder that the job wrote to. */
  readonly out: string;
  /** What the job printed. */
  readonly said: string;
  /** Exit code of the job. */
  readonly code: number;
}

export interface MachineOptions {
  /** Ended after so many seconds, whatever it does. */
  readonly limit: number;
  /** Words for the kernel's command line. */
  readonly words?: readonly string[];
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** @throws TW_KERNELS_BOOT where the machine did not come to the job's end */
export async function runMachine(
  image: Image,
  name: string,
  job: Job,
  { limit, words = [] }: MachineOptions,
): Promise<Returned> {
  const out = join(KERNELS, 'out', name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'job.json'), JSON.stringify(job));
  writeFileSync(join(out, 'modules'), image.modules);
  const log = join(out, 'console.log');
  const how = await runQemu(image, { out, log, limit, words });
  const read = (file: string) =>
    existsSync(join(out, file)) ? readFileSync(join(out, file), 'utf8') : '';
  const code = read('code').trim();
  if (code === '' || how !== undefined) {
    const what = how ?? 'ended before its job did';
    const console = `${read('console.log')}\n${read('said')}`.trim().split('\n').slice(-15);
    const kernel = `${image.release} (${image.version})`;
    throw failure(errors.boot, { kernel, what, console: console.join('\n'), log });
  }
  return { out, said: read('said'), code: Number(code) };
}

interface QemuOptions {
  readonly out: string;
  readonly log: string;
  readonly limit: number;
  readonly words: readonly string[];
}

/** Says what went wrong with the machine itself. */
async function runQemu(image: Image, options: QemuOptions): Promise<string | undefined> {
  const child = spawn('qemu-system-x86_64', qemuArguments(image, options), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH },
  });
  running.add(child);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, options.limit * 1000);
  try {
    const code = await new Promise<number | null>((done) => {
      child.once('error', (error) => {
        said = error.message;
        done(null);
      });
      child.once('close', done);
    });
    if (late) return `was still running after ${options.limit} s and was ended`;
    return code === 0 ? undefined : `cannot be run: ${said.trim()}`;
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

function qemuArguments(image: Image, { out, log, words }: QemuOptions): string[] {
  const start = join(ROOT, 'test/kernels/guest/start.sh');
  const line = ['console=ttyS0', 'quiet', 'panic=-1', `torwacht.start=${start}`, ...words];
  const share = (path: string, tag: string, readonly: string) =>
    `local,path=${path},mount_tag=${tag},security_model=none,readonly=${readonly},multidevs=remap`;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '3072'],
    ...['-kernel', image.kernel, '-initrd', image.initramfs, '-append', line.join(' ')],
    ...['-virtfs', share('/', 'host', 'on'), '-virtfs', share(out, 'out', 'off')],
    ...['-device', 'virtio-rng-pci', '-serial', `file:${log}`],
  ];
}
