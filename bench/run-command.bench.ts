/** How long `torwacht run` makes a command take that does nothing: everything before and after it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, figure } from './figure.ts';

const RUNS = 15;

const policy = `apiVersion: torwacht.io/v1alpha1
kind: EgressPolicy
metadata: {name: bench, namespace: default}
spec: {presets: [npm]}
`;

export async function run(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bench-'));
  try {
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, policy);
    const torwacht = join(import.meta.dirname, '..', 'bin', 'torwacht');
    const plain: number[] = [];
    const held: number[] = [];
    for (let i = 0; i <= RUNS; i++) {
      const without = time(folder, 'true', []);
      const ours = time(folder, torwacht, ['run', '--policy', file, '--', 'true']);
      if (i === 0) continue; // the first fills caches
      plain.push(without);
      held.push(ours);
    }
    const baseline = median(plain);
    return [
      figure({
        name: 'torwacht run, added to `true`',
        value: median(held) - baseline,
        unit: 'ms',
        baseline,
        target: { bound: 'at most', limit: 300 },
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function time(cwd: string, command: string, args: readonly string[]): number {
  const before = performance.now();
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return performance.now() - before;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
