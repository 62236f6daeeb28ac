/** Where kernels are got from: archives that this host's own apt asks, or that a variable names. */
import { failure } from '#api/error.ts';
import { command } from './command.ts';
import { errors } from './errors.ts';
import type { KernelSource } from './suites.ts';

type Label = 'Debian' | 'Ubuntu';

/** @throws TW_KERNELS_NO_MIRROR */
export function siteOf(source: KernelSource): string {
  const site = knownSite(source);
  if (site === undefined) throw failure(errors.noMirror, namesOf(source));
  return site;
}

/** Why a kernel is not tried here: nothing on this host says where to get it. */
export function unknownSite(source: KernelSource): string | undefined {
  if (knownSite(source) !== undefined) return undefined;
  const { label, variable } = namesOf(source);
  return `apt on this host names no ${label} archive; ${variable} does`;
}

function knownSite(source: KernelSource): string | undefined {
  const { label, variable } = namesOf(source);
  const named = process.env[variable];
  const targets = ['indextargets', '--format', '$(REPO_URI) $(LABEL)', 'Created-By: Packages'];
  const line = command('apt-get', targets, '/')
    .stdout.split('\n')
    .find((one) => one.endsWith(` ${label}`));
  return (named ?? line?.split(' ')[0])?.replace(/\/$/, '');
}

function namesOf(source: KernelSource): { suite: string; label: Label; variable: string } {
  const label: Label = 'files' in source ? 'Ubuntu' : 'Debian';
  return { suite: source.name, label, variable: `TORWACHT_${label.toUpperCase()}_MIRROR` };
}
