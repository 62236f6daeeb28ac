/**
 * Jobs flood destinations that are refused while the operator is away, and end; then it comes back. The kernel says
 * to each sender how often it refused: that many are counted in Violations, of each job, or are said to be lost.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending } from '../apiserver/server.ts';
import { lastFirst } from '../operator/cluster.ts';
import { eventually } from '../operator/wait.ts';
import type { AgentState } from './agent-process.ts';
import { attemptsOf, endJob, type Job, setUp, startOperator } from './scene.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

const JOBS = Number(process.env.TORWACHT_JOBS ?? 5);
const ATTEMPTS = Number(process.env.TORWACHT_ATTEMPTS ?? 100_000);
/** How long the operator is away, seconds. */
const OUTAGE = Number(process.env.TORWACHT_OUTAGE ?? 3);
const PIECES = 10;
/** Attempts of one job at a time. */
const PIECE = Math.floor(ATTEMPTS / JOBS / PIECES);
/** MiB that the agent's pod may have (config/agent). */
const MEMORY = 512;
/** Bytes. */
const DISK = 128 * 1024;

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
    const options = { ...scene, jobs: JOBS, count: OUTAGE * 50 };
    const { jobs, spool, port, startAgent } = await setUp(ending, options);
    const { state } = await startAgent();
    const waiting = await flood(jobs, state);
    assert.equal(freeOf(spool) < DISK, scene.disk === smallDisk, 'is it full?');
    for (const job of jobs) await endJob(job);
    const told = await eventually('all of them are over', async () => {
      const now = await state();
      return now.governed === 0 && now;
    });
    const refused = jobs.reduce((sum, job) => sum + job.refused, 0);
    assert.equal(refused, JOBS * PIECES * PIECE);
    assert.equal(told.attempts, refused, 'outputs are told of each, once');
    assert.equal(told.sent, 0);

    const specs = await startOperator(ending, port);
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

/** A tmpfs that a few hundred rows fill: there is no room for another step of the spool. */
function smallDisk(ending: Ending, folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${2 * DISK}`, 'tmpfs', folder]);
  ending.after(async () => void execFileSync('umount', [folder]));
}

function freeOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
