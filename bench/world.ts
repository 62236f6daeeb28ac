/** What benches share: a cgroup of their own, programs attached to it, and senders in it. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Cgroup,
  cgroupOf,
  createCgroup,
  newCgroupId,
  removeCgroup,
} from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { pinRoot, useBpffs } from '#agent/leftovers/bpffs.ts';
import { prepareState } from '#agent/leftovers/registry.ts';
import { removePins, sweep } from '#agent/leftovers/sweep.ts';
import type { CidrEntry, CompiledPolicy, NameRule } from '#policy/types.ts';
import type { Lab } from '../test/lab/lab.ts';

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
  /** A new cgroup with a folder for its pins; both are removed at the end. */
  cgroup(): { cgroup: Cgroup; pins: string };
  close(): Promise<void>;
}

export function createBenchWorld(): BenchWorld {
  prepareState();
  const bpffs = useBpffs();
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  const made: { cgroup: Cgroup; pins: string }[] = [];
  return {
    folder,
    cgroup() {
      const id = newCgroupId();
      const one = { cgroup: createCgroup(cgroupOf(), id), pins: join(pinRoot(bpffs.path), id) };
      made.push(one);
      return one;
    },
    async close() {
      for (const { cgroup, pins } of made) {
        await killAll(cgroup.path);
        removeCgroup(cgroup.path);
        removePins(pins);
      }
      rmSync(folder, { recursive: true, force: true });
      bpffs.done();
      await sweep();
    },
  };
}

/** Compiles bench/sender.c. */
export function buildSender(folder: string): string {
  const program = join(folder, 'sender');
  const source = join(import.meta.dirname, 'sender.c');
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  return program;
}

export interface Traffic {
  readonly kind: 'udp' | 'connected' | 'tcp';
  readonly count: number;
  readonly port: number;
  readonly addresses: readonly string[];
}

/** Sends from inside the cgroup; the number of packets that were taken. */
export async function send(
  lab: Lab,
  sender: string,
  cgroup: Cgroup,
  { kind, count, port, addresses }: Traffic,
): Promise<number> {
  const args = [kind, String(count), String(port), ...addresses];
  const child = lab.spawn('host', sender, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  writeFileSync(join(cgroup.path, 'cgroup.procs'), String(child.pid));
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  child.stdin?.end('\n');
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the sender ended with ${code}`);
  return Number(output);
}
