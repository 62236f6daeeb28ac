/**
 * The program that holds a cgroup for a test: an engine inside the lab, told what to do over the
 * channel to its parent. A process of its own, so that it can be killed.
 */
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupIds, membersOf } from '#agent/cgroup/cgroup.ts';
import { Engine } from '#agent/engine/engine.ts';
import { lastRows } from '#agent/engine/lingering.ts';
import type { Part } from '#agent/evidence/told-row.ts';
import { storeOf } from '#agent/parent/kept-sockets.ts';
import { createRandom16 } from '#agent/resolver/random.ts';
import { createUpstream } from '#agent/resolver/upstream.ts';
import type { EgressEvent } from '#api/event.ts';
import { Kernel } from '#bpf/kernel.ts';
import { builtPath, type EngineHandle, native } from '#bpf/native.ts';
import { singleTargetSizes } from '#bpf/programs.ts';
import { constantAddress } from '#policy/cidr.ts';
import { DNS_ADDRESS } from '../lab/addresses.ts';
import { assertInsideLab } from '../lab/mark.ts';
import { compileRules, type Rules } from './rules.ts';

export interface HolderConfig {
  readonly cgroup: { readonly path: string; readonly id: string; readonly level: number };
  readonly pins: string;
  /** Where its maps are pinned, for a holder after it. */
  readonly maps?: string | undefined;
  /** Where rows go, for a receiver that is never there. */
  readonly spool?: string | undefined;
  /** The target's own network namespace. */
  readonly netns?: string | undefined;
  readonly rules: Rules;
  readonly queriesPerSecond?: number | undefined;
  readonly sizes?: Readonly<Record<string, number>>;
  /** Processes that are no part of the target. */
  readonly outside: readonly number[];
}

assertInsideLab();
const config = JSON.parse(process.argv[2] ?? '') as HolderConfig;
const upstream = createUpstream({
  servers: [DNS_ADDRESS],
  clock: () => performance.now(),
  random: createRandom16(),
});
const sizes = { ...singleTargetSizes, ...config.sizes };
const backstop = config.netns !== undefined;
const kernel = await Kernel.load(sizes, { backstop, ...(config.maps && { pins: config.maps }) });
const engine = new Engine(kernel, {
  slots: 1,
  version: 'test',
  members: membersOf,
  living: () => cgroupIds(config.cgroup.path),
  sockets: storeOf(process.env),
  fault: (error) => process.stderr.write(`holder: ${error}\n`),
});
const live: EgressEvent[] = [];
// What most tests do without is loaded by those alone that need it.
const spooled = config.spool ? await import('./spooled.ts') : undefined;
const outputs = await spooled?.openSpooled(kernel, engine, config.spool ?? '');
const told = outputs?.told;
const send = (event: EgressEvent, parts: readonly Part[]) => outputs?.send(event, parts);
const EMPTY = 'tw_empty';
let emptyEngine: EngineHandle | undefined;
const empty = (): EngineHandle => {
  emptyEngine ??= native().load(builtPath('bpf/empty.bpf.o'), {}, [], '');
  return emptyEngine;
};
const held = await engine.hold({
  cgroup: { ...config.cgroup, id: BigInt(config.cgroup.id) },
  pins: config.pins,
  ...(config.netns === undefined ? {} : { netns: { path: config.netns, own: true } }),
  policy: compileRules(config.rules),
  ...(config.queriesPerSecond && { budget: { queriesPerSecond: config.queriesPerSecond } }),
  upstream,
  labels: {
    ...{ target: 'test', namespace: null, pod: null },
    ...{ project_id: '42', job_name: 'install' },
  },
  ...(told && { told }),
  onRow(event, parts) {
    live.push(event);
    send(event, parts);
  },
  outside: (pid) => config.outside.includes(pid),
});

const calls = {
  pid: () => process.pid,
  /** What of the engine's books a holder after this one goes on with. */
  inForce: () => ({ ...held.target.inForce, id: held.target.spec.id }),
  holdsOther: () => engine.kernel.keeping.before,
  setRules: (rules: Rules) => held.setPolicy(compileRules(rules)),
  /** Puts a name's addresses into the kernel as an answer would. */
  learn: (name: string, seconds: number, addresses: readonly string[], refused = false) =>
    held.target.learn(
      name,
      addresses.map((address) => ({ address: constantAddress(address), seconds })),
      refused,
    ),
  /** A name is looked up in vain: how many names the target knows meanwhile, and then. */
  lookUpInVain(name: string) {
    held.target.prepare(name, held.target.judge(name).permissions);
    const meanwhile = [...held.target.names].length;
    held.target.abandon(name);
    return [meanwhile, [...held.target.names].length];
  },
  rows: () => held.rows.finish().map(({ event }) => event),
  /** Rows that have grown go where rows go. */
  tell() {
    for (const { event, parts } of held.rows.grown()) send(event, parts);
  },
  /** The last words of all rows, and that they are where no end of this process takes them away. */
  async tellAll() {
    for (const { event, parts } of held.rows.finish()) send(event, parts);
    const rows = lastRows(kernel, held.target.spec, told)?.rows ?? [];
    while (!rows.every(({ row, count }) => told?.isKept(row, count))) await sleep(10);
  },
  /** Rows that were told as they happened. */
  live: () => live,
  counters: () => engine.kernel.counters(),
  overflow: () => held.overflow(),
  resolverPort: () => held.target.spec.place.resolver.port,
  /** Takes the target's policy word away: its programs stay attached to a cgroup that nobody knows. */
  forget: () => engine.kernel.setPolicy(0, 0, 0n),
  attach: (cgroup: string, pins: string) => engine.kernel.attachCgroup(cgroup, pins),
  /** Another engine's programs, which know no target. */
  attachStranger: async (cgroup: string, pins: string) => {
    const stranger = await Kernel.load(singleTargetSizes);
    await stranger.attachCgroup(cgroup, pins);
    stranger.close();
  },
  missing: () => [...engine.kernel.missing],
  kernel: () => ({
    packet: engine.kernel.packetProgram,
    missing: [...engine.kernel.missing.keys()],
  }),
  /** Has the kernel count the time of our packet hook, and of an empty one beside it. */
  measure: async (pins: string) => {
    await native().attachCgroup(empty(), EMPTY, config.cgroup.path, join(pins, EMPTY));
    native().enableStats();
  },
  cost: () => ({
    ours: engine.kernel.runStats(engine.kernel.packetProgram),
    empty: native().runStats(empty(), EMPTY),
  }),
  testRun: (program: string, frameHex: string, ifindex: number) =>
    engine.kernel.testRun(program, Buffer.from(frameHex, 'hex'), 1, ifindex).result,
  /** Does not come back to read events before so many ms are over. */
  sleep: (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  close: async () => {
    await held.close();
    upstream.close();
    engine.close();
    setImmediate(() => process.disconnect());
  },
};
export type HolderCalls = typeof calls;

interface Request {
  readonly id: number;
  readonly call: keyof HolderCalls;
  readonly args: readonly unknown[];
}

process.on('message', ({ id, call, args }: Request) => {
  const act = calls[call] as (...all: readonly unknown[]) => unknown;
  Promise.resolve()
    .then(() => act(...args))
    .then(
      (result) => process.send?.({ id, result }),
      (error: Error) => process.send?.({ id, error: error.message }),
    );
});
process.send?.({ id: 0 });
// It will be killed, and what it compiled is for the next one (test/kernels).
flushCompileCache();
