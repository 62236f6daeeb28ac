/** Jobs in cgroups of their own, an agent that holds them, and an operator that is there or not. */
import { mkdirSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Cgroup } from '#agent/cgroup/cgroup.ts';
import { PROJECT_LABEL } from '#agent/pods/governed.ts';
import type { Sandbox } from '#agent/watch/watcher.ts';
import type { ViolationSpec } from '#api/violation.ts';
import { systemClock } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { authority, reviewOf, SERVER, serve } from '#operator/intake/testing/served.ts';
import { violations } from '#operator/resources.ts';
import { startViolations } from '#operator/violations/testing/replica.ts';
import { parsePolicies } from '#policy/load.ts';
import { buildProgram, startInLab, startProgram, type Worker } from '../../bench/worker.ts';
import { createBenchWorld } from '../../bench/world.ts';
import { binding } from '../agent/documents.ts';
import { freePorts } from '../apiserver/ports.ts';
import type { Ending } from '../apiserver/server.ts';
import { DNS_ADDRESS } from '../lab/addresses.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { eventually } from '../operator/wait.ts';
import type { AgentPlan, AgentState } from './agent-process.ts';

const ADDRESSES = ['198.51.100.1', '198.51.100.2'];
/** Ports of each address: more destinations than a target has rows for, and fewer. */
const [MANY, FEW] = [20_000, 500];
/** As images/agent/Containerfile has them. */
const FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'];
const PORT = 10_000;

export interface Job {
  readonly project: string;
  readonly cgroup: Cgroup;
  readonly sandbox: Sandbox;
  readonly worker: Worker;
  /** Looks names up (fixtures/asker.ts), where the scene has such. */
  readonly asker: Worker | undefined;
  /** What it was refused, as it was told: by the kernel, and lookups by the agent. */
  refused: number;
}

export interface SceneOptions {
  readonly jobs: number;
  /** How many of the jobs try more destinations than there are rows for. */
  readonly many: number;
  /** Between two times that counts which have grown are told, ms. */
  readonly count: number;
  /** Of the spool, bytes. */
  readonly bound?: number;
  /** Makes the spool's folder what it is to be. */
  readonly disk?: (ending: Ending, folder: string) => void;
  /** Maps outlive the agent. */
  readonly kept?: boolean;
  /** Jobs can look names up. */
  readonly lookups?: boolean;
}

export interface Agent {
  state(): Promise<AgentState>;
  /** kill -9. */
  kill(): Promise<void>;
}

export interface Scene {
  readonly jobs: readonly Job[];
  readonly spool: string;
  /** Where maps are pinned, where they outlive the agent. */
  readonly maps: string;
  /** Where the operator is to listen. */
  readonly port: number;
  /** An agent that holds these jobs, and that has done so when this resolves. */
  startAgent(jobs?: readonly Job[]): Promise<Agent>;
}

export function attemptsOf(specs: readonly ViolationSpec[]): number {
  return specs.reduce((sum, { count }) => sum + count, 0);
}

export async function setUp(ending: Ending, options: SceneOptions): Promise<Scene> {
  const { many, disk, count, bound = 64 << 20, kept = false } = options;
  const lab = createLab({ name: 'outage', addresses: ADDRESSES });
  ending.after(async () => lab.close());
  const world = createBenchWorld();
  ending.after(() => world.close());
  const sender = buildProgram(world.folder, 'sender');
  const [operator, spool, state] = ['operator', 'spool', 'state'].map((name) => {
    mkdirSync(join(lab.folder, name));
    return join(lab.folder, name);
  }) as [string, string, string];
  disk?.(ending, spool);
  const jobs: Job[] = [];
  let pinned = '';
  for (let index = 0; index < options.jobs; index++) {
    const { cgroup, pins } = world.cgroup();
    pinned = dirname(pins);
    const ports = `${index < many ? MANY : FEW}`;
    const worker = startInLab(lab, 'host', sender, ['udp', `${PORT}`, ports, ...ADDRESSES]);
    ending.after(() => worker.end());
    worker.enter(cgroup);
    const at = `/proc/${worker.pid}/exe`;
    await eventually('it runs in the lab', () => readlinkSync(at) === sender);
    const asker = options.lookups ? startAsker(lab, ending, cgroup) : undefined;
    const project = String(index + 1);
    const sandbox = sandboxOf(basename(pins), project, cgroup, worker);
    jobs.push({ project, cgroup, worker, asker, sandbox, refused: 0 });
  }
  const [port = 0] = await freePorts(1);
  const files = { address: `127.0.0.1:${port}`, 'server-name': SERVER, token: 'good' };
  for (const [name, text] of Object.entries({ ...files, 'ca.crt': authority.certificate })) {
    writeFileSync(join(operator, name), text);
  }
  const maps = kept ? join(pinned, `${basename(lab.folder)}-maps`) : '';
  if (kept) ending.after(async () => rmSync(maps, { recursive: true, force: true }));
  const plan = {
    ...{ documents: governing(), pins: pinned, maps, operator, spool, state },
    ...{ spoolBound: bound, count },
  };
  const file = join(lab.folder, 'plan.json');
  return {
    ...{ jobs, spool, maps, port },
    startAgent: (of = jobs) =>
      startAgent(ending, file, { ...plan, sandboxes: of.map(({ sandbox }) => sandbox) }),
  };
}

function startAsker(lab: Lab, ending: Ending, cgroup: Cgroup): Worker {
  const script = join(import.meta.dirname, 'fixtures/asker.ts');
  const asker = startInLab(lab, 'host', process.execPath, [script, DNS_ADDRESS]);
  ending.after(() => asker.end());
  asker.enter(cgroup);
  return asker;
}

function sandboxOf(uid: string, project: string, { name }: Cgroup, { pid }: Worker): Sandbox {
  return {
    ...{ id: uid, uid, namespace: 'ci', name: `runner-${project}`, cgroup: name },
    ...{ pid, netns: `/proc/${pid}/ns/net` },
    ...{ labels: { [PROJECT_LABEL]: project }, annotations: {}, searches: [], hostNetwork: true },
  };
}

/** A binding, and nothing that is allowed. */
function governing(): AgentPlan['documents'] {
  const content = Buffer.from(JSON.stringify(binding('ci')));
  const { documents, problems } = parsePolicies([{ file: 'binding.yaml', content }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return documents;
}

async function startAgent(ending: Ending, file: string, plan: AgentPlan): Promise<Agent> {
  writeFileSync(file, JSON.stringify(plan));
  const program = join(import.meta.dirname, 'agent-process.ts');
  const agent = startProgram(process.execPath, [...FLAGS, program, file]);
  ending.after(() => agent.end());
  const state = async () => JSON.parse(await agent.ask('state')) as AgentState;
  const { length } = plan.sandboxes;
  await eventually('all of them are held', async () => (await state()).held === length);
  return {
    state,
    async kill() {
      process.kill(agent.pid, 'SIGKILL');
      await agent.end();
    },
  };
}

/** Its processes end, and with them the pod. */
export async function endJob({ worker, asker, cgroup }: Job): Promise<void> {
  await Promise.all([worker.end(), asker?.end()]);
  await eventually('its cgroup is empty', () => {
    try {
      rmdirSync(cgroup.path);
      return true;
    } catch {
      return false;
    }
  });
}

/** The operator is there, with room for a row of each destination. */
export async function startOperator(ending: Ending, port: number) {
  const api = new MemoryApi();
  const room = { perNamespace: 1e6, perJob: 1e6, total: 1e6 };
  const limits = { ...room, rewrite: 50, writesPerSecond: 1e5 };
  const { sink, operator, stop } = startViolations({ api, clock: systemClock, limits });
  const { server } = await serve({
    ...{ sinks: [sink], port, leads: () => operator.leading },
    ...{
      reviews: { good: reviewOf('n1') },
      limits: { rowsPerSecondOfNode: 1e6, burstOfNode: 1e6 },
    },
  });
  ending.after(async () => {
    await server.close(0);
    await stop();
  });
  return () => api.list(violations).map(({ spec }) => spec as ViolationSpec);
}
