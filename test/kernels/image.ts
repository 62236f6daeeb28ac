/**
 * A kernel that can be booted, made of its packages: the image, its modules with their list, and a first
 * file system in memory that finds this host's root and goes on there (guest/first.sh). Kept for the next
 * time; a newer version is a folder of its own.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { failure } from '#api/error.ts';
import { command } from './command.ts';
import { errors } from './errors.ts';
import type { Packages } from './packages.ts';
import { KERNELS } from './places.ts';
import type { KernelSource } from './suites.ts';

export interface Image {
  readonly suite: string;
  /** As `uname -r` says it: `6.1.0-56-amd64`. */
  readonly release: string;
  /** Of the packages: `6.1.192-2`. */
  readonly version: string;
  readonly kernel: string;
  /** /lib/modules/<release> */
  readonly modules: string;
  readonly initramfs: string;
}

/** With what they need: the bus, the host's root, and what makes it writable in memory. */
const FIRST_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];

/** @throws TW_KERNELS_UNPACK */
export function makeImage({ name: suite }: KernelSource, { version, files }: Packages): Image {
  const folder = join(KERNELS, 'unpacked', `${suite}-${version}`);
  if (!existsSync(folder)) unpack(suite, files, folder);
  const modules = globSync(join(folder, 'modules/*'))[0] ?? '';
  const initramfs = join(folder, 'initramfs');
  const image = { suite, version, release: basename(modules), modules, initramfs };
  pack(image, folder);
  return { ...image, kernel: join(folder, 'vmlinuz') };
}

/** All of it or nothing: a folder that is there is whole. */
function unpack(suite: string, files: readonly string[], folder: string): void {
  mkdirSync(join(KERNELS, 'unpacked'), { recursive: true });
  const work = mkdtempSync(join(KERNELS, 'unpacked', '.new-'));
  try {
    const root = join(work, 'root');
    for (const file of files) run(suite, 'dpkg-deb', ['--extract', file, root], work);
    // Merged /usr came between these suites.
    const [modules] = globSync(join(root, '{,usr/}lib/modules/*'));
    const [kernel] = globSync([join(root, 'boot/vmlinuz-*'), `${modules}/vmlinuz`]);
    if (modules === undefined || kernel === undefined) {
      const reason = 'there is no kernel in its packages';
      throw failure(errors.unpack, { suite, command: 'dpkg-deb', reason });
    }
    const release = basename(modules);
    const made = join(work, 'made');
    mkdirSync(join(made, 'lib/modules'), { recursive: true });
    renameSync(kernel, join(made, 'vmlinuz'));
    renameSync(modules, join(made, 'lib/modules', release));
    run(suite, 'depmod', ['--basedir', made, release], work);
    renameSync(join(made, 'lib/modules'), join(made, 'modules'));
    renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Packed anew each time: it takes a moment, and the scripts in it may have changed. */
function pack(image: Omit<Image, 'kernel'>, folder: string): void {
  const { suite, modules, initramfs } = image;
  const root = mkdtempSync(join(folder, '.initramfs-'));
  try {
    for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'new', 'host', 'memory']) {
      mkdirSync(join(root, name));
    }
    const busybox = command('sh', ['-c', 'command -v busybox'], '/').stdout.trim();
    copyFileSync(busybox, join(root, 'bin/busybox'));
    copyFileSync(join(import.meta.dirname, 'guest/first.sh'), join(root, 'init'));
    chmodSync(join(root, 'init'), 0o755);
    const names = withNeeds(modules).map((path) => {
      const name = basename(path).replace(/\.xz$/, '');
      const from = join(modules, path);
      const to = join(root, 'modules', name);
      if (path.endsWith('.xz'))
        run(suite, 'sh', ['-c', 'xz -dc "$1" > "$2"', 'sh', from, to], root);
      else copyFileSync(from, to);
      return name;
    });
    writeFileSync(join(root, 'modules/order'), `${names.join('\n')}\n`);
    const script = 'find . | cpio --quiet -o -H newc > "$1"';
    const making = `${initramfs}.${process.pid}`;
    run(suite, 'sh', ['-c', script, 'sh', making], root);
    renameSync(making, initramfs);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Files of the first modules in the order of loading; what is built in has none. */
function withNeeds(modules: string): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  for (const line of readFileSync(join(modules, 'modules.dep'), 'utf8').split('\n')) {
    const [path, rest] = line.split(':');
    if (path) needs.set(path, (rest ?? '').split(' ').filter(Boolean));
  }
  const nameOf = (path: string) => basename(path).replace(/\.ko(\.xz)?$/, '');
  const paths = new Map([...needs.keys()].map((path) => [nameOf(path), path]));
  const order = new Set<string>();
  const add = (path: string): void => {
    for (const need of needs.get(path) ?? []) add(need);
    order.add(path);
  };
  for (const name of FIRST_MODULES) {
    const path = paths.get(name);
    if (path !== undefined) add(path);
  }
  return [...order];
}

function run(suite: string, program: string, args: readonly string[], cwd: string): void {
  const { code, complaint } = command(program, args, cwd);
  if (code !== 0) throw failure(errors.unpack, { suite, command: program, reason: complaint });
}
