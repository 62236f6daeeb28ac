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
import { layer } from './layer.ts';
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
  /** A folder with systemd that stands for `/`: the job is a service there. */
  readonly systemd?: string | undefined;
}

/**
 * What makes emulation ten times as fast: translated code is found again by its virtual address, so programs
 * stay where they are from one start to the next, and no flush of a TLB is made against attacks by speculation.
 */
const SWIFT = [
  ...['quiet', 'norandmaps', 'nokaslr', 'mitigations=off', 'init_on_alloc=0'],
  ...['apparmor=0', 'audit=0', 'nowatchdog'],
];

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** @throws TW_KERNELS_BOOT where the machine did not come to the job's end */
export async function runMachine(
  image: Image,
  name: string,
  job: Job,
  { limit, words = [], systemd }: MachineOptions,
): Promise<Returned> {
  const out = join(KERNELS, 'out', name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'job.json'), JSON.stringify(job));
  writeFileSync(join(out, 'modules'), image.modules);
  if (systemd !== undefined) writeFileSync(join(out, 'systemd'), systemd);
  const log = join(out, 'console.log');
  const how = await runQemu(image, { out, log, layer: await layer(), limit, words });
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
  readonly layer: string;
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

function qemuArguments(image: Image, { out, log, layer: above, words }: QemuOptions): string[] {
  const start = join(ROOT, 'test/kernels/guest/start.sh');
  const line = ['console=ttyS0', 'panic=-1', `torwacht.start=${start}`, `torwacht.layer=${above}`];
  line.push(...SWIFT, ...words);
  const share = (path: string, tag: string, readonly: string) =>
    `local,path=${path},mount_tag=${tag},security_model=none,readonly=${readonly},multidevs=remap`;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // One processor: two threads of an emulator that wait for each other waste both. The plainest model:
    // newer instructions are emulated one by one.
    ...['-accel', 'tcg', '-cpu', 'qemu64', '-smp', '1', '-m', '3072'],
    ...['-kernel', image.kernel, '-initrd', image.initramfs, '-append', line.join(' ')],
    ...['-virtfs', share('/', 'host', 'on'), '-virtfs', share(out, 'out', 'off')],
    ...['-device', 'virtio-rng-pci', '-serial', `file:${log}`],
  ];
}
