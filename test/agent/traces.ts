/** What an agent holds that must not grow with the pods that come and go. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Cluster } from '../cluster/cluster.ts';
import { type NodeAgent, pinsOf } from './agent.ts';

export interface Traces {
  /** Open descriptors by kind: `socket`, `anon_inode:bpf-map`, … */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Elements by map. */
  readonly maps: Readonly<Record<string, number>>;
  /** Folders of pins, without those that were there before. */
  readonly pins: readonly string[];
  /** Our tables in the node's own network namespace. */
  readonly tables: string;
  readonly held: string;
  readonly pending: string;
}

/** A look at them, by a program that the test compiles. */
export function traceReader(t: TestContext, cluster: Cluster) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-traces-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'map-sizes');
  const source = join(import.meta.dirname, 'map-sizes.c');
  execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lbpf']);
  const pins = dirname(pinsOf(cluster, 'any'));
  const older = new Set(namesIn(pins));
  return (agent: NodeAgent): Traces => {
    const { node } = cluster;
    const metrics = agent.get('/metrics') ?? '';
    const metric = (name: string) => new RegExp(`^torwacht_${name} (.*)$`, 'm').exec(metrics)?.[1];
    const tables = node.run('nft', ['list', 'tables']).stdout.split('\n');
    return {
      descriptors: descriptorsOf(agent.pid),
      maps: mapsOf(execFileSync(program, [String(agent.pid)], { encoding: 'utf8' })),
      pins: namesIn(pins).filter((name) => !older.has(name)),
      tables: tables.filter((line) => line.includes('torwacht')).join(),
      held: metric('pods_held') ?? 'unknown',
      pending: metric('pods_pending') ?? 'unknown',
    };
  };
}

function descriptorsOf(pid: number): Record<string, number> {
  const folder = `/proc/${pid}/fd`;
  const found: Record<string, number> = {};
  for (const name of readdirSync(folder)) {
    const kind = kindOf(join(folder, name));
    found[kind] = (found[kind] ?? 0) + 1;
  }
  return found;
}

function kindOf(path: string): string {
  try {
    return readlinkSync(path).replace(/:\[.*/, '');
  } catch {
    return 'closed meanwhile';
  }
}

function mapsOf(text: string): Record<string, number> {
  const lines = text.trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', count] = line.split(' ');
      return [name, Number(count)];
    }),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
