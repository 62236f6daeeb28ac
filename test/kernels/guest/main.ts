/**
 * The one program of a machine: tells what its kernel has (facts.ts), then runs test files with the
 * runner's own reporter. On the host it is run as it is, for the host's kernel.
 * `node main.ts FOLDER`: reads job.json there, leaves `facts.json`, `files.json` and the events
 * of each file there.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../places.ts';
import type { TestFile } from '../plan.ts';
import type { FileEnd, Job } from './job.ts';

const folder = process.argv[2] ?? '';
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as Job;
const common = {
  cwd: ROOT,
  stdio: ['ignore', 'inherit', 'inherit'] satisfies ('ignore' | 'inherit')[],
  env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...job.environment },
};

/** What one file of tests came to. */
function runFile({ path: file, only, without }: TestFile, index: number): FileEnd {
  const began = performance.now();
  const events = join(folder, `events-${index}`);
  const reporter = join(ROOT, 'test/runner/reporter.ts');
  const arrive = [`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`];
  const chosen = [
    ...(only === undefined ? [] : [`--test-name-pattern=${only}`]),
    ...(without === undefined ? [] : [`--test-skip-pattern=${without}`]),
  ];
  const { status, signal } = spawnSync(process.execPath, [...arrive, ...chosen, file], {
    ...common,
    timeout: job.fileLimit * 1000,
    killSignal: 'SIGKILL',
  });
  const seconds = (performance.now() - began) / 1000;
  return { file, events: `events-${index}`, status, signal, seconds: Math.round(seconds) };
}

const facts = [join(import.meta.dirname, 'facts.ts'), join(folder, 'facts.json')];
const { status } = spawnSync(process.execPath, facts, common);
if (status !== 0) process.exit(status ?? 1);
const ends: FileEnd[] = [];
const tell = () => writeFileSync(join(folder, 'files.json'), JSON.stringify(ends));
tell();
for (const [index, file] of job.files.entries()) {
  ends.push(runFile(file, index));
  tell();
}
