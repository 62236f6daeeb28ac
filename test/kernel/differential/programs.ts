/** Who runs the programs of the comparison: the kernel through the addon, or the build for this host. */
import { createRequire } from 'node:module';
import { builtPath, type Native } from '#bpf/native.ts';
import type { Branches } from './branches.ts';

/** What of the addon's functions the comparison needs; the host's build has these alone. */
export type Programs = Pick<
  Native,
  | 'load'
  | 'unload'
  | 'mapUpdate'
  | 'mapLookup'
  | 'mapDelete'
  | 'mapEntries'
  | 'mapStore'
  | 'testRun'
>;

interface HostBuild extends Programs {
  /** How often each branch was taken in this process so far. */
  branches(): Branches;
}

/** The engine's C as the host's compiler made it (test/native). */
export function hostBuild(): HostBuild {
  return createRequire(import.meta.url)(builtPath('native/verdict.node')) as HostBuild;
}
