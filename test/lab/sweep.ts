/**
 * Removes what a killed run left behind: namespaces, their processes, temporary folders and mounts,
 * found by the labs' prefix alone. Labs whose program still runs are left in peace, unless `--all`.
 *
 * @example node test/lab/sweep.ts
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mounted, pinRoot } from '#agent/leftovers/bpffs.ts';
import { isListed } from '#agent/leftovers/registry.ts';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { attempt } from './execute.ts';
import { labName, ownerLives, parseOwner } from './names.ts';
import { deleteNamespace, listNamespaces } from './namespaces.ts';
import { releaseSharedMounts } from './shared-mounts.ts';

export interface SweepOptions {
  /** Also labs whose owner lives. */
  readonly all?: boolean;
  /** Where labs have their folders; the system's temporary folder unless told. */
  readonly folder?: string;
  /** Run after the namespaces are gone; by default `bin/torwacht cleanup`, where it is built. */
  readonly cleanup?: () => void;
}

/** Idempotent. Returns the names of what was removed. @throws TW_LAB_NOT_ROOT, TW_LAB_COMMAND */
export function sweep(options: SweepOptions = {}): string[] {
  if (process.getuid?.() !== 0) throw failure(errors.notRoot);
  const abandoned = (name: string): boolean => {
    const owner = parseOwner(name);
    return owner !== undefined && (options.all === true || !ownerLives(owner));
  };
  const folder = options.folder ?? tmpdir();
  const namespaces = listNamespaces().filter(abandoned);
  for (const name of namespaces) deleteNamespace(name);
  const folders = readdirSync(folder).filter(abandoned);
  for (const name of folders) rmSync(join(folder, name), { recursive: true, force: true });
  (options.cleanup ?? cleanUpTorwacht)();
  sweepMaps();
  releaseSharedMounts(labName(process.pid, '00000000').id);
  return [...namespaces, ...folders];
}

/**
 * What a killed `torwacht run` left: cgroups and pins, which no namespace holds. Its exit status 1 says
 * that a run's processes still live; they are no lab's, and not ours to end.
 */
function cleanUpTorwacht(): void {
  const root = join(import.meta.dirname, '../..');
  if (!existsSync(join(root, 'build/torwacht.mjs'))) return;
  const { code, stderr } = attempt(join(root, 'bin/torwacht'), ['cleanup']);
  if (code === 0 || code === 1) return;
  throw failure(errors.command, { command: 'torwacht cleanup', reason: stderr });
}

/** Maps that a test of the kernel had pinned beside the links of its run: whose run is listed no more. */
function sweepMaps(): void {
  const bpffs = mounted();
  const root = bpffs === undefined ? '' : pinRoot(bpffs);
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    const id = /^([0-9a-f]{12})-maps$/.exec(name)?.[1];
    if (id !== undefined && !isListed(id)) rmSync(join(root, name), { recursive: true });
  }
}

if (import.meta.main) {
  const removed = sweep({ all: process.argv.includes('--all') });
  for (const name of removed) process.stdout.write(`removed ${name}\n`);
}
