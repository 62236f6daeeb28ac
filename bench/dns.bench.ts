/**
 * What a cold look-up costs more for a process that is held: redirect, our resolver, the kernel's map
 * and the way back, over the same query sent to the same server directly. All on loopback.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cgroup } from '#agent/cgroup/cgroup.ts';
import { Engine } from '#agent/engine/engine.ts';
import { createRandom16 } from '#agent/resolver/random.ts';
import { startAuthority, startForwarder } from '#agent/resolver/testing/latency.ts';
import { createUpstream } from '#agent/resolver/upstream.ts';
import { Kernel } from '#bpf/kernel.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { type Figure, figure } from './figure.ts';
import { benchPolicy, createBenchWorld } from './world.ts';

/** All together fewer names than a target may ask for. */
const ROUNDS = 4;
/** With those that warm up, within the burst that the kernel's query budget allows. */
const LOOKUPS = 700;
/** Meanwhile the budget refills, ms. */
const PAUSE = 2000;

const policy = benchPolicy([
  {
    pattern: { labels: ['example', 'test'], wildcard: 'many' },
    private: true,
    permissions: [{ action: 'allow', protocol: 6, from: 443, to: 443, rule: 1 }],
  },
]);

export async function run(): Promise<readonly Figure[]> {
  const world = createBenchWorld();
  const authority = await startAuthority();
  const forwarder = await startForwarder(authority.port);
  const server = `127.0.0.1:${authority.port}`;
  const upstream = createUpstream({
    servers: [server],
    clock: () => performance.now(),
    random: createRandom16(),
  });
  const { cgroup, pins } = world.cgroup();
  const kernel = await Kernel.load(singleTargetSizes);
  const engine = new Engine(kernel, { slots: 1, version: 'bench', fault });
  try {
    const held = await engine.hold({
      cgroup,
      policy,
      upstream,
      pins,
      labels: { target: 'bench', project_id: null, job_name: null },
      onRow: () => {},
      outside: () => false,
    });
    const direct: Latency[] = [];
    const forwarded: Latency[] = [];
    const ours: Latency[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      direct.push(await ask('127.0.0.1', authority.port, `d${round}-`));
      forwarded.push(await ask('127.0.0.1', forwarder.port, `f${round}-`));
      await pause(PAUSE);
      ours.push(await ask('127.0.0.53', 53, `h${round}-`, cgroup));
    }
    await held.close();
    return figures(direct, forwarded, ours);
  } finally {
    engine.close();
    upstream.close();
    forwarder.stop();
    authority.stop();
    await world.close();
  }
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

function figures(
  direct: readonly Latency[],
  forwarded: readonly Latency[],
  ours: readonly Latency[],
): readonly Figure[] {
  const of = (list: readonly Latency[], share: keyof Latency) =>
    median(list.map((latency) => latency[share])) / 1000;
  const added = (name: string, list: readonly Latency[], share: keyof Latency, limit?: number) =>
    figure({
      name: `DNS: cold lookup, ${name} at ${share}`,
      value: of(list, share) - of(direct, share),
      unit: 'ms',
      baseline: of(direct, share),
      ...(limit === undefined ? {} : { target: { bound: 'at most', limit } }),
    });
  return [
    added('added', ours, 'p50', 0.12),
    added('added', ours, 'p99'),
    added('a bare Node forwarder adds', forwarded, 'p50'),
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function fault(error: unknown): never {
  throw error;
}

async function ask(
  address: string,
  port: number,
  prefix: string,
  cgroup?: Cgroup,
): Promise<Latency> {
  const program = join(import.meta.dirname, 'dns-client.ts');
  const args = [program, address, String(port), String(LOOKUPS), prefix];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (cgroup) writeFileSync(join(cgroup.path, 'cgroup.procs'), String(child.pid));
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  child.stdin?.write('\n');
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the client ended with ${code}`);
  return JSON.parse(output) as Latency;
}
