/**
 * What `torwacht run` costs a command beside the packets: how long it makes one take that does nothing,
 * everything before and after it included, and how much memory it holds meanwhile.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Figure, figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';
import { added, interleave, median, spread } from './statistics.ts';

const ROUNDS = 20;
/** A process's memory differs little from one start to the next. */
const STARTS = 3;
/** What is started lives long enough to be looked at, and ends by itself if we do not end it. */
const LIFE = '30';

const TORWACHT = join(import.meta.dirname, '..', 'bin', 'torwacht');

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
    const held = ['run', '--policy', file, '--'];
    return [await time(folder, held), await memory(folder, held)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function time(cwd: string, held: readonly string[]): Promise<Figure> {
  const lane = (command: string, args: readonly string[]) => (): number => {
    const before = performance.now();
    const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
    return performance.now() - before;
  };
  const lanes = [lane('true', []), lane(TORWACHT, [...held, 'true'])];
  const [plain = [], ours = []] = await interleave(lanes, ROUNDS, 1);
  return figure({
    name: 'torwacht run, added to `true`',
    unit: 'ms',
    ...added(ours, plain),
    target: { bound: 'at most', limit: 300 },
  });
}

async function memory(cwd: string, held: readonly string[]): Promise<Figure> {
  const wait = `setTimeout(() => {}, ${LIFE}_000); console.log('started')`;
  const bare: number[] = [];
  const ours: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    bare.push(await residentWhile(cwd, process.execPath, ['-e', wait]));
    const command = ['sh', '-c', `echo started; exec sleep ${LIFE}`];
    ours.push(await residentWhile(cwd, TORWACHT, [...held, ...command]));
  }
  return figure({
    name: 'torwacht run, memory of the process (baseline: a bare Node)',
    unit: 'MB',
    value: median(ours),
    spread: spread(ours),
    baseline: median(bare),
  });
}

/** MB that stay in memory once the command has started, and it has settled. */
async function residentWhile(
  cwd: string,
  command: string,
  args: readonly string[],
): Promise<number> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    await pause(300);
    return residentMegabytes(child.pid ?? 0);
  } finally {
    await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
