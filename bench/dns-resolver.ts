/**
 * Holds a cgroup and is its resolver, in a process of its own that can be given a processor for itself.
 * With budgets that let a bench ask as much as one processor can answer.
 *
 * Usage: node dns-resolver.ts JSON; prints a line when it holds. Commands: `cpu`, µs used so far. Ends
 * with its stdin.
 */
import { createInterface } from 'node:readline';
import { Engine } from '#agent/engine/engine.ts';
import { createRandom16 } from '#agent/resolver/random.ts';
import { createUpstream } from '#agent/resolver/upstream.ts';
import { defaultBudget } from '#agent/target/budget.ts';
import { Kernel } from '#bpf/kernel.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { benchPolicy } from './world.ts';

const NAMES = 1 << 16;
const { path, id, level, pins, server } = JSON.parse(process.argv[2] ?? '');

const policy = benchPolicy([
  {
    pattern: { labels: ['example', 'test'], wildcard: 'many' },
    private: true,
    permissions: [{ action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 }],
  },
]);
const upstream = createUpstream({
  servers: [`127.0.0.1:${server}`],
  clock: () => performance.now(),
  random: createRandom16(),
});
const kernel = await Kernel.load({ ...singleTargetSizes, names: NAMES, learned: 2 * NAMES });
const engine = new Engine(kernel, { slots: 1, version: 'bench', fault });
const held = await engine.hold({
  cgroup: { path, id: BigInt(id), level },
  policy,
  upstream,
  pins,
  labels: { target: 'bench', namespace: null, pod: null, project_id: null, job_name: null },
  budget: {
    queryBurst: 16_384,
    queriesPerSecond: 100_000,
    addresses: NAMES,
    resolver: { ...defaultBudget.resolver, names: NAMES, pending: 4096, waiting: 4096 },
  },
  onRow: () => {},
  outside: () => false,
});
process.stdout.write('held\n');
for await (const command of createInterface({ input: process.stdin })) {
  if (command !== 'cpu') throw new Error(`no such command: ${command}`);
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${user + system}\n`);
}
await held.close();
engine.close();
upstream.close();

function fault(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
}
