import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  cgroupOf,
  createCgroup,
  isPopulated,
  newCgroupId,
  removeCgroup,
} from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { endTarget } from './end.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

function cgroup(t: TestContext): string {
  const { path } = createCgroup(cgroupOf(), newCgroupId());
  t.after(async () => {
    await killAll(path);
    removeCgroup(path);
  });
  return path;
}

/** A process in the cgroup that runs a shell line. */
async function within(path: string, line: string): Promise<ChildProcess> {
  const script = `echo 0 > ${path}/cgroup.procs; echo in; ${line}`;
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return child;
}

test('an empty cgroup has nothing to end', { skip }, async (t) => {
  assert.deepEqual(await endTarget(cgroup(t), undefined), []);
});

test('what ends by itself is not named', { skip }, async (t) => {
  const path = cgroup(t);
  // It is the sandbox's first process: the last to go, and given the time to.
  const init = await within(path, 'exec sleep 0.05');
  assert.deepEqual(await endTarget(path, init.pid), []);
  assert.ok(!isPopulated(path));
});

test('what is left is ended, deaf to signals or stopped, and named', { skip }, async (t) => {
  const path = cgroup(t);
  const deaf = await within(path, 'trap : TERM INT HUP; while :; do sleep 1; done');
  const stopped = await within(path, 'kill -STOP $$; sleep 600');
  const left = await endTarget(path, undefined);
  assert.ok(left.includes(`sh[${deaf.pid}]`), left.join());
  assert.ok(left.includes(`sh[${stopped.pid}]`), left.join());
  assert.ok(!isPopulated(path));
});

test('the sandbox’s first process is ended with the rest, and not named', { skip }, async (t) => {
  const path = cgroup(t);
  const init = await within(path, 'exec sleep 600');
  await within(path, 'exec sleep 601');
  const left = await endTarget(path, init.pid);
  assert.equal(left.length, 1);
  assert.match(left[0] ?? '', /^sleep\[\d+\]$/);
  if (init.exitCode === null && init.signalCode === null) await once(init, 'exit');
  assert.ok(!existsSync(`/proc/${init.pid}`));
});
