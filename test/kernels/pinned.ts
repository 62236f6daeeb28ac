/** Packages of one exact version: downloaded once, kept, and used only where their digests are right. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { failure } from '#api/error.ts';
import { command } from './command.ts';
import { errors } from './errors.ts';
import { siteOf } from './mirrors.ts';
import type { Packages } from './packages.ts';
import { KERNELS } from './places.ts';
import type { PinnedKernel } from './suites.ts';

/** @throws TW_KERNELS_NO_MIRROR, TW_KERNELS_UNAVAILABLE */
export function fetchPinned(kernel: PinnedKernel): Packages {
  const folder = join(KERNELS, 'packages', kernel.name, 'deb');
  mkdirSync(folder, { recursive: true });
  const archive = siteOf(kernel);
  const files = Object.entries(kernel.files).map(([path, digest]) => {
    const file = join(folder, basename(path));
    if (existsSync(file) && digestOf(file) === digest) return file;
    const reason = download(`${archive}/${path}`, file, digest);
    if (reason !== undefined) throw failure(errors.unavailable, { suite: kernel.name, reason });
    return file;
  });
  return { version: kernel.version, files };
}

/** Says why it could not be had. */
function download(url: string, file: string, digest: string): string | undefined {
  const part = `${file}.part`;
  const options = ['--fail', '--silent', '--show-error', '--location', '--retry', '3'];
  const done = command('curl', [...options, '--output', part, url], '/');
  if (done.code !== 0) return done.complaint;
  if (digestOf(part) !== digest) {
    rmSync(part);
    return `${url} is not what it was: another SHA-256`;
  }
  renameSync(part, file);
  return undefined;
}

const digestOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
