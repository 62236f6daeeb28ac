/** One kernel from its job to its column: in a machine, or the host's own as it is. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { bypassProbe } from '../bypass/run-ground.ts';
import { kernelProbe } from '../kernel/world.ts';
import type { Line } from '../runner/reporter.ts';
import { type Tally, tally } from '../runner/tally.ts';
import { helpers } from './floor/since.ts';
import type { Facts, FileEnd, Job } from './guest/job.ts';
import type { Image } from './image.ts';
import { runMachine } from './machine.ts';
import { KERNELS, ROOT } from './places.ts';
import { type Capability, plannedFor, SYSTEMD, type TestFile } from './plan.ts';
import { tagged } from './suites.ts';
import { systemdRoot } from './systemd.ts';
import type { Column } from './table.ts';

/**
 * Where time is emulated, a file that takes seconds takes minutes on a busy host, and machines have only what other
 * tests leave: both end what hangs, and nothing that is slow. A third of the suite's limit is that of a machine's test.
 */
const FILE_LIMIT = 1800;
const MACHINE_LIMIT = 2900;
/** What the host's run has compiled need not be compiled under emulation; guest/start.sh knows it as well. */
const COMPILED = join(KERNELS, 'compile-cache');
/** Of the differential tests. */
const CASES = { guest: '1500', host: '20000' };

export interface Run {
  readonly column: Column;
  /** By file of tests. */
  readonly tallies: ReadonlyMap<string, Tally>;
}

/** @throws TW_KERNELS_BOOT */
export async function runGuest(image: Image, whole: readonly Capability[]): Promise<Run> {
  const plan = plannedFor(image.suite, whole);
  // Programs of tests that would have to be compiled there.
  kernelProbe();
  bypassProbe();
  const job = makeJob(plan, {
    TORWACHT_CASES: CASES.guest,
    TORWACHT_GUEST: '1',
    TORWACHT_TAGGED: image.suite === tagged.name ? '1' : '',
    TORWACHT_PLANTED: process.env.TORWACHT_PLANTED ?? '',
  });
  const { out } = await runMachine(image, image.suite, job, {
    limit: MACHINE_LIMIT,
    systemd: image.suite === SYSTEMD ? systemdRoot() : undefined,
  });
  return readRun(out, plan, { name: image.suite, version: image.version });
}

export function runHost(plan: readonly Capability[]): Run {
  const out = join(KERNELS, 'out/host');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const here = plan.filter(({ guest }) => !guest);
  // Of what is for machines alone every test is skipped here, but it is compiled.
  const job = makeJob(plan, { TORWACHT_CASES: CASES.host });
  writeFileSync(join(out, 'job.json'), JSON.stringify(job));
  const main = join(import.meta.dirname, 'guest/main.ts');
  const { stderr, stdout } = spawnSync(process.execPath, [main, out], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
    timeout: MACHINE_LIMIT * 1000,
  });
  writeFileSync(join(out, 'said'), stdout + stderr);
  return readRun(out, here, { name: 'host', version: release() });
}

const makeJob = (plan: readonly Capability[], environment: Job['environment'] & object): Job => ({
  files: plan.flatMap(({ files }) => files),
  fileLimit: FILE_LIMIT,
  environment: { ...environment, NODE_COMPILE_CACHE: COMPILED },
});

function readRun(
  out: string,
  plan: readonly Capability[],
  names: Pick<Column, 'name' | 'version'>,
): Run {
  const read = <T>(file: string) => JSON.parse(readFileSync(join(out, file), 'utf8')) as T;
  if (!existsSync(join(out, 'facts.json'))) {
    throw new Error(
      `our programs do not work there:\n${named(readFileSync(join(out, 'said'), 'utf8'))}`,
    );
  }
  const facts = read<Facts>('facts.json');
  const ends = read<readonly FileEnd[]>('files.json');
  const files = new Set(plan.flatMap((one) => one.files.map(({ path }) => path)));
  const ended = ends.filter(({ file }) => files.has(file));
  const tallies = new Map(ended.map((end) => [end.file, tallyOf(out, end)]));
  const results = Object.fromEntries(plan.map(({ id, files }) => [id, cell(files, tallies)]));
  return { column: { ...names, facts, results }, tallies };
}

/** A kernel knows a helper that it does not have by its number alone. */
export function named(text: string): string {
  return text.replaceAll(/unknown#(\d+)/g, (all, number: string) => {
    const helper = helpers[Number(number)];
    return helper ? `${all} (${helper.name}, which is of Linux ${helper.since})` : all;
  });
}

/** As the runner counts a file, and it must have come to its end. */
function tallyOf(out: string, { file, events, status, signal, seconds }: FileEnd): Tally {
  const path = join(out, events);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);
  const counts = tally(lines, `${ROOT}/`);
  const whole =
    lines.some(({ event }) => event === 'end') && (status === 0 || counts.failed.length);
  if (whole && counts.passed + counts.failed.length + counts.skipped.length > 0) return counts;
  const how = signal === null ? `exited with ${status}` : `was ended by ${signal}`;
  const output = `The file ${how} after ${seconds} s. What it said is in ${join(out, 'said')}.`;
  return { ...counts, failed: [...counts.failed, { name: file, output }] };
}

function cell(files: readonly TestFile[], tallies: ReadonlyMap<string, Tally>): string {
  const all = files.map(({ path }) => tallies.get(path));
  if (all.some((one) => one === undefined || one.failed.length > 0)) return 'no';
  const skipped = all.flatMap((one) => one?.skipped ?? []).length;
  return skipped === 0 ? 'yes' : `yes, ${skipped} skipped`;
}
