/**
 * Jobs flood destinations that are refused while the operator is away, and end; then it comes back. The kernel says
 * to each sender how often it refused: that many are counted in Violations, of each job, or are said to be lost.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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
import { createLab } from '../lab/lab.ts';
import { lastFirst } from '../operator/cluster.ts';
import { eventually } from '../operator/wait.ts';
import type { AgentPlan, AgentState } from './agent-process.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

const JOBS = Number(process.env.TORWACHT_JOBS ?? 5);
const ATTEMPTS = Number(process.env.TORWACHT_ATTEMPTS ?? 100_000);
/** How long the operator is away, seconds. */
const OUTAGE = Number(process.env.TORWACHT_OUTAGE ?? 3);
const PIECES = 10;
/** Attempts of one job at a time. */
const PIECE = Math.floor(ATTEMPTS / JOBS / PIECES);
const ADDRESSES = ['198.51.100.1', '198.51.100.2'];
/** Ports of each address: more destinations than a target has rows for, and fewer. */
const [MANY, FEW] = [20_000, 500];
/** MiB that the agent's pod may have (config/agent). */
const MEMORY = 512;
/** As images/agent/Containerfile has them. */
const FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'];
const PORT = 10_000;
/** Bytes. */
const DISK = 128 * 1024;

interface Job {
  readonly project: string;
  readonly cgroup: Cgroup;
  readonly sandbox: Sandbox;
  readonly worker: Worker;
  /** What the kernel refused it, as it was told. */
  refused: number;
}

interface Scene {
  /** How many of the jobs try more destinations than there are rows for. */
  readonly many: number;
  /** Makes the spool's folder what it is to be. */
  readonly disk: (ending: Ending, folder: string) => void;
}

for (const { title, check, ...scene } of [
  {
    title: 'an outage of the operator: every attempt of every job is counted in the end',
    ...{ many: Math.ceil(JOBS / 5), disk: () => {} },
    check: ({ dropped, lost }: AgentState) => assert.deepEqual([dropped, lost], [0, 0]),
  },
  {
    title: 'the same with a disk that is full: what is not counted is said to be lost',
    ...{ many: JOBS, disk: smallDisk },
    check: ({ dropped, lost }: AgentState) =>
      assert.ok(lost >= dropped, `${dropped} rows, ${lost} attempts`),
  },
]) {
  test(title, { skip }, async (t) => {
    const ending = lastFirst({ after: (work) => t.after(work) });
    const { jobs, state, port, free } = await setUp(ending, scene);
    const waiting = await flood(jobs, state);
    assert.equal(free() < DISK, scene.disk === smallDisk, 'is it full?');
    for (const job of jobs) await end(job);
    const told = await eventually('all of them are over', async () => {
      const now = await state();
      return now.governed === 0 && now;
    });
    const refused = jobs.reduce((sum, job) => sum + job.refused, 0);
    assert.equal(refused, JOBS * PIECES * PIECE);
    assert.equal(told.attempts, refused, 'outputs are told of each, once');
    assert.equal(told.sent, 0);

    const specs = await bringBack(ending, port);
    const done = await eventually(
      'nothing waits',
      async () => {
        const now = await state();
        return now.waiting === 0 && now;
      },
      600,
    );
    check(done);
    const counted = attemptsOf(specs());
    assert.equal(counted + done.lost, refused, `${done.lost} are said to be lost`);
    for (const { project, refused: own } of done.lost === 0 ? jobs : []) {
      const rows = specs().filter((spec) => spec.project === project);
      assert.equal(attemptsOf(rows), own, `project ${project}`);
    }
    assert.ok(done.most < MEMORY, `the agent had ${done.most} MiB`);
    t.diagnostic(
      `${refused} attempts of ${JOBS} jobs while the operator was away for ${OUTAGE} s: ` +
        `${told.rows} rows told, ${waiting} waited at most, ${done.dropped} dropped; ` +
        `${counted} attempts counted in ${specs().length} Violations, ${done.lost} said to be lost; ` +
        `the agent had ${Math.round(done.most)} MiB at most`,
    );
  });
}

function attemptsOf(specs: readonly ViolationSpec[]): number {
  return specs.reduce((sum, { count }) => sum + count, 0);
}

async function setUp(ending: Ending, { many, disk }: Scene) {
  const lab = createLab({ name: 'outage', addresses: ADDRESSES });
  ending.after(async () => lab.close());
  const world = createBenchWorld();
  ending.after(() => world.close());
  const sender = buildProgram(world.folder, 'sender');
  const [operator, spool, state] = ['operator', 'spool', 'state'].map((name) => {
    mkdirSync(join(lab.folder, name));
    return join(lab.folder, name);
  }) as [string, string, string];
  disk(ending, spool);
  const jobs: Job[] = [];
  let pinned = '';
  for (let index = 0; index < JOBS; index++) {
    const { cgroup, pins } = world.cgroup();
    pinned = dirname(pins);
    const ports = `${index < many ? MANY : FEW}`;
    const worker = startInLab(lab, 'host', sender, ['udp', `${PORT}`, ports, ...ADDRESSES]);
    ending.after(() => worker.end());
    worker.enter(cgroup);
    const at = `/proc/${worker.pid}/exe`;
    await eventually('it runs in the lab', () => readlinkSync(at) === sender);
    const project = String(index + 1);
    const sandbox = sandboxOf(basename(pins), project, cgroup, worker);
    jobs.push({ project, cgroup, worker, sandbox, refused: 0 });
  }
  const [port = 0] = await freePorts(1);
  const files = { address: `127.0.0.1:${port}`, 'server-name': SERVER, token: 'good' };
  for (const [name, text] of Object.entries({ ...files, 'ca.crt': authority.certificate })) {
    writeFileSync(join(operator, name), text);
  }
  const plan: AgentPlan = {
    ...{ documents: governing(), sandboxes: jobs.map(({ sandbox }) => sandbox), pins: pinned },
    ...{ operator, spool, state, spoolBound: 64 << 20, count: OUTAGE * 50 },
  };
  const ask = startAgent(ending, join(lab.folder, 'plan.json'), plan);
  await eventually('all of them are held', async () => (await ask()).held === JOBS);
  const free = (): number => {
    const { bavail, bsize } = statfsSync(spool);
    return bavail * bsize;
  };
  return { jobs, state: ask, port, free };
}

/** A tmpfs that a few hundred rows fill: there is no room for another step of the spool. */
function smallDisk(ending: Ending, folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${2 * DISK}`, 'tmpfs', folder]);
  ending.after(async () => void execFileSync('umount', [folder]));
}

function sandboxOf(uid: string, project: string, { name }: Cgroup, { pid }: Worker): Sandbox {
  return {
    ...{ id: uid, uid, namespace: 'ci', name: `runner-${project}`, cgroup: name, pid },
    ...{ labels: { [PROJECT_LABEL]: project }, annotations: {}, searches: [], hostNetwork: true },
  };
}

/** A binding, and nothing that is allowed. */
function governing(): AgentPlan['documents'] {
  const content = Buffer.from(JSON.stringify(binding('ci')));
  const { documents, problems } = parsePolicies([{ file: 'binding.yaml', content }]);
  assert.deepEqual(problems, []);
  return documents;
}

function startAgent(ending: Ending, file: string, plan: AgentPlan) {
  writeFileSync(file, JSON.stringify(plan));
  const program = join(import.meta.dirname, 'agent-process.ts');
  const agent = startProgram(process.execPath, [...FLAGS, program, file]);
  ending.after(() => agent.end());
  return async () => JSON.parse(await agent.ask('state')) as AgentState;
}

/** @returns how many rows waited at most */
async function flood(jobs: readonly Job[], state: () => Promise<AgentState>): Promise<number> {
  let most = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    const answers = await Promise.all(jobs.map(({ worker }) => worker.ask(`${PIECE}`)));
    for (const [index, job] of jobs.entries()) {
      job.refused += Number(answers[index]?.split(' ')[1]);
    }
    await sleep((OUTAGE * 1000) / PIECES);
    most = Math.max(most, (await state()).waiting);
  }
  return most;
}

/** Its process ends, and with it the pod. */
async function end({ worker, cgroup }: Job): Promise<void> {
  await worker.end();
  await eventually('its cgroup is empty', () => {
    try {
      rmdirSync(cgroup.path);
      return true;
    } catch {
      return false;
    }
  });
}

/** The operator is there again, with room for a row of each destination. */
async function bringBack(ending: Ending, port: number) {
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
