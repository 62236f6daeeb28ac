/**
 * The agent's own way of a row, without a container runtime: kernel, engine, pods and outputs are the agent's, and
 * the sandboxes are told by a file. Answers each line on standard input with what it holds and has lost.
 * Usage: node agent-process.ts FILE
 */
import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { cgroupIds, cgroupPath } from '#agent/cgroup/cgroup.ts';
import { findCgroup2, readMounts } from '#agent/cgroup/mountinfo.ts';
import { holdSandbox, pinsOf, Upstreams } from '#agent/daemon/hold.ts';
import { StoredPolicies } from '#agent/daemon/stored-policies.ts';
import { Engine } from '#agent/engine/engine.ts';
import type { Part, ToldRow } from '#agent/evidence/told-row.ts';
import { removePins } from '#agent/leftovers/sweep.ts';
import { Outputs } from '#agent/outputs/outputs.ts';
import { readOutputs } from '#agent/outputs/spec.ts';
import { openLines } from '#agent/outputs/stdout.ts';
import { Pods } from '#agent/pods/pods.ts';
import type { Sandbox } from '#agent/watch/watcher.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressEvent } from '#api/event.ts';
import { Kernel } from '#bpf/kernel.ts';
import { MAX_TARGETS } from '#bpf/layout.ts';

export interface AgentPlan {
  readonly documents: readonly TorwachtDocument[];
  readonly sandboxes: readonly Sandbox[];
  /** Where its maps are pinned, for an agent after it; empty: nowhere. */
  readonly maps: string;
  /** Folders: what the operator's ConfigMap holds, the spool, pins, policies. */
  readonly operator: string;
  readonly spool: string;
  readonly pins: string;
  readonly state: string;
  readonly spoolBound: number;
  /** Between two times that counts which have grown are told, ms. */
  readonly count: number;
}

export interface AgentState {
  readonly held: number;
  /** Pods that are held or will be. */
  readonly governed: number;
  /** Rows of refusals that its outputs were given, and how often they were. */
  readonly rows: number;
  readonly attempts: number;
  /** Rows that the operator has, and those that wait. */
  readonly sent: number;
  readonly waiting: number;
  /** Rows that were dropped, and the attempts that they stood for. */
  readonly dropped: number;
  readonly lost: number;
  /** Pods that have ended and whose last rows could still be lost with this process. */
  readonly lingering: number;
  /** Of this process, megabytes: now, and the most so far. */
  readonly resident: number;
  readonly most: number;
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as AgentPlan;
const fault = (error: unknown): never => {
  throw error;
};
const log = pino({ level: 'silent' });
const registry = new Registry();
const place = { cgroups: findCgroup2(readMounts()), pins: plan.pins };
const kernel = await Kernel.load({}, { pins: plan.maps });
const engine = new Engine(kernel, {
  ...{ slots: MAX_TARGETS, version: 'test', buries: true, fault },
  living: () => cgroupIds(place.cgroups.path),
});
const outputs = await Outputs.open({
  ...plan,
  ...{ node: 'n1', lines: openLines(2), log, registry, version: 'test' },
  ...{ told: kernel.told, targets: engine.targetsBefore },
  outputs: readOutputs([`operator:${plan.operator}`]),
});
const given = { rows: 0, attempts: 0 };
const send = (event: EgressEvent, parts: readonly Part[]) => {
  if (event.action === 'block') {
    given.rows += 1;
    given.attempts += event.added ?? event.count;
  }
  outputs.send(event, parts);
};
const rows = {
  told: outputs.told,
  onRow: send,
  onCount: ({ event, parts }: ToldRow) => send(event, parts),
};
const upstreams = new Upstreams(['127.0.0.1']);
const stored = new StoredPolicies(plan.state, fault);
const naming = { containerName: () => 'build' };
const pods = new Pods({
  documents: () => plan.documents,
  former: () => null,
  hold: (sandbox, governed) =>
    holdSandbox(engine, upstreams, place, {
      ...{ sandbox, governed, naming, stored, ...rows },
    }),
  cgroupExists: (name) =>
    statSync(cgroupPath(name, place.cgroups), { throwIfNoEntry: false }) !== undefined,
  forget: (sandbox) => removePins(pinsOf(place, sandbox)),
  log: { held: () => {}, ended: () => {}, failed: (_, error) => fault(error), unchanged: fault },
});
pods.watch();
pods.listed(plan.sandboxes);
setInterval(() => pods.count(), plan.count);
const bury = () => engine.bury({ ...rows, policyOf: (digest) => stored.recall(digest) });
await bury();

const KIB = 1024;

async function metric(name: string): Promise<number> {
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.reduce((sum, { value }) => sum + value, 0);
}

async function state(): Promise<AgentState> {
  const [sent, waiting, dropped, lost] = await Promise.all(
    ['sent_total', 'waiting', 'dropped_total', 'dropped_attempts_total'].map((name) =>
      metric(`torwacht_output_${name}`),
    ),
  );
  return {
    lingering: engine.digestsBefore.length,
    ...{ held: pods.held, governed: pods.held + pods.pending, ...given },
    ...{ sent: sent ?? 0, waiting: waiting ?? 0, dropped: dropped ?? 0, lost: lost ?? 0 },
    resident: process.memoryUsage.rss() / KIB / KIB,
    most: process.resourceUsage().maxRSS / KIB,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  process.stdout.write(`${JSON.stringify(await state())}\n`);
}
await outputs.end(0);
engine.close();
process.exit(0);
