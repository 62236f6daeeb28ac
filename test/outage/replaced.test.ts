/**
 * The agent is killed and replaced again and again while jobs flood destinations that are refused, and names, and some
 * of them end while there is none. Each sender is told how often it was refused: so many are counted, no less and no
 * more.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOKUP_BUDGET } from '#agent/evidence/refused-lookups.ts';
import type { ViolationSpec } from '#api/violation.ts';
import { createRandom } from '../kernel/differential/random.ts';
import { lastFirst } from '../operator/cluster.ts';
import { eventually } from '../operator/wait.ts';
import {
  type Agent,
  attemptsOf,
  endJob,
  type Job,
  type Scene,
  setUp,
  startOperator,
} from './scene.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const JOBS = 3;
/** Attempts of one job at a time; the first job goes through more destinations than there are rows for. */
const PIECE = 2000;

/** Names of one job at a time; the first job asks for more, once, than there are rows for. */
const NAMES = 40;
const MANY_NAMES = LOOKUP_BUDGET + 50;

interface Run {
  readonly scene: Scene;
  readonly specs: () => readonly ViolationSpec[];
  readonly last: Agent;
}

/** Sends and kills; in the last round a job ends with nobody there. `between`: while there is no agent. */
async function run(
  t: TestContext,
  {
    rounds,
    away,
    bound,
    between,
  }: {
    readonly rounds: number;
    readonly away: boolean;
    readonly bound?: number;
    between?: (scene: Scene) => void;
  },
): Promise<Run> {
  const random = createRandom(seed);
  const ending = lastFirst({ after: (work) => t.after(work) });
  const scene = await setUp(ending, {
    ...{ jobs: JOBS, many: 1, count: 60, kept: true, lookups: true, ...(bound && { bound }) },
  });
  let specs = away ? undefined : await startOperator(ending, scene.port);
  let agent = await scene.startAgent();
  const left = [...scene.jobs];
  await ask(left[0] as Job, MANY_NAMES);
  for (let round = 0; round < rounds; round++) {
    await Promise.all(left.map(send));
    const more = Promise.all(left.map(send));
    await eventually('something is told', async () => {
      const { sent, waiting } = await agent.state();
      return sent > 0 || (away && waiting > 0);
    });
    await sleep(random.int(250));
    await Promise.all(left.map((job) => ask(job)));
    await agent.kill();
    await more;
    await Promise.all(left.map(send));
    const [ended] = left.splice(0, round === rounds - 1 ? 1 : 0);
    if (ended) await endJob(ended);
    between?.(scene);
    agent = await scene.startAgent(left);
  }
  await Promise.all(left.map(send));
  // What another agent may find when it is killed right after a pod has ended.
  const [first, ...rest] = left as [Job, ...Job[]];
  await ask(first);
  await endJob(first);
  await sleep(random.int(1500));
  await agent.kill();
  agent = await scene.startAgent(rest);
  for (const job of rest) await endJob(job);
  await eventually('all of them are over', async () => (await agent.state()).governed === 0);
  specs ??= await startOperator(ending, scene.port);
  return { scene, specs, last: agent };
}

async function send(job: Job): Promise<void> {
  job.refused += Number((await job.worker.ask(`${PIECE}`)).split(' ')[1]);
}

/** All of them are refused before this resolves, and perhaps not told yet. */
async function ask(job: Job, count = NAMES): Promise<void> {
  job.refused += Number(await job.asker?.ask(`${count}`));
}

async function settled({ specs, last }: Run): Promise<number> {
  let before = -1;
  return eventually('nothing is told any more', async () => {
    const { waiting, lingering } = await last.state();
    const counted = attemptsOf(specs());
    const isSame = counted === before;
    before = counted;
    if (waiting === 0 && lingering === 0 && isSame) return { counted };
    await sleep(200);
    return undefined;
  }).then(({ counted }) => counted);
}

/** What the agents before wrote into these maps is unpinned; the next one begins anew. */
function forget(maps: string, names: readonly string[]): void {
  for (const folder of readdirSync(maps)) {
    for (const name of names) rmSync(join(maps, folder, name));
  }
}

function refusedOf({ scene }: Run): number {
  return scene.jobs.reduce((sum, { refused }) => sum + refused, 0);
}

function isExact(t: TestContext, run: Run, counted: number): void {
  for (const { project, refused } of run.scene.jobs) {
    const own = run.specs().filter((spec) => spec.project === project);
    assert.equal(attemptsOf(own), refused, `project ${project}`);
  }
  assert.equal(counted, refusedOf(run));
  t.diagnostic(`${counted} attempts of ${JOBS} jobs, seed ${seed}`);
}

test(`an agent that is killed again and again counts each attempt once (seed ${seed})`, {
  skip,
}, async (t) => {
  const one = await run(t, { rounds: 2, away: false });
  isExact(t, one, await settled(one));
});

test(`the same while the operator is away and sums wait in memory (seed ${seed})`, {
  skip,
}, async (t) => {
  const one = await run(t, { rounds: 1, away: true, bound: 4 << 20 });
  isExact(t, one, await settled(one));
});

test(`control: an agent that knows not what was told tells it twice (seed ${seed})`, {
  skip,
}, async (t) => {
  const one = await run(t, {
    ...{ rounds: 1, away: false },
    between: ({ maps }) => forget(maps, ['told_rows', 'outputs']),
  });
  const counted = await settled(one);
  assert.ok(counted > refusedOf(one), `${counted} of ${refusedOf(one)}`);
});

test(`control: an agent that knows not what was looked up tells too little (seed ${seed})`, {
  skip,
}, async (t) => {
  const one = await run(t, {
    ...{ rounds: 1, away: true },
    between: ({ maps }) => forget(maps, ['lookups']),
  });
  const counted = await settled(one);
  assert.ok(counted < refusedOf(one), `${counted} of ${refusedOf(one)}`);
});
