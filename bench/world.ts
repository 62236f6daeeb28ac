/** What benches share: cgroups of their own that are removed at the end, and a policy of one rule. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cgroup, cgroupOf, createCgroup, newCgroupId } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { pinRoot, useBpffs } from '#agent/leftovers/bpffs.ts';
import { prepareState, type Run, startOf, writeRun } from '#agent/leftovers/registry.ts';
import { removeTraces, sweep } from '#agent/leftovers/sweep.ts';
import type { TargetPlace } from '#agent/target/target.ts';
import { targetFlags } from '#bpf/layout.ts';
import type { CidrEntry, CompiledPolicy, NameRule } from '#policy/types.ts';

/** A target whose resolver nobody asks. */
export const benchPlace: TargetPlace = {
  flags: targetFlags.redirect,
  resolver: { address: 0, port: 0 },
  mark: 1,
  uplinks: [],
  own: [],
};

/** A policy of one rule; index 1 is what its lines name. */
export function benchPolicy(
  names: readonly NameRule[],
  cidrs: readonly CidrEntry[] = [],
): CompiledPolicy {
  const rules = [
    { name: 'default', policy: '' },
    { name: 'bench', policy: 'bench' },
  ];
  return { mode: 'Block', digest: 'bench', rules, names, cidrs, upstreams: [] };
}

export interface BenchWorld {
  readonly folder: string;
  /** A new cgroup with a folder for its pins; both are removed at the end, or by the sweep after a kill. */
  cgroup(): { cgroup: Cgroup; pins: string };
  close(): Promise<void>;
}

export function createBenchWorld(): BenchWorld {
  prepareState();
  const bpffs = useBpffs();
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  const made: Run[] = [];
  const started = startOf(process.pid) ?? '';
  return {
    folder,
    cgroup() {
      const id = newCgroupId();
      const above = cgroupOf();
      const pins = join(pinRoot(bpffs.path), id);
      const path = join(above.path, `torwacht-${id}`);
      const run = { id, pid: process.pid, started, cgroup: path, pins, command: 'bench' };
      writeRun(run);
      made.push(run);
      return { cgroup: createCgroup(above, id), pins };
    },
    async close() {
      for (const run of made) {
        await killAll(run.cgroup);
        removeTraces(run);
      }
      rmSync(folder, { recursive: true, force: true });
      bpffs.done();
      await sweep();
    },
  };
}
