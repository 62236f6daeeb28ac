/** From one parent to the next: sockets and their look-ups, and whichever of the two dies meanwhile. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildParent, type Run, runParent, sendTo } from './testing/run.ts';

const built = buildParent();
let count = 0;

/** A node of its own: parents on it find each other. */
function node(t: TestContext) {
  const state = join(built.folder, `node-${++count}`);
  mkdirSync(state);
  const run = (story = 'holds') => runParent(t, built, story, state);
  return { state, run };
}

const portOf = (line: string, how: 'opened' | 'took'): number => {
  assert.match(line, new RegExp(`^${how} \\d+$`));
  return Number(line.split(' ')[1]);
};

async function untilSaid({ said }: Run, what: string): Promise<void> {
  for (let tries = 0; tries < 1000 && !said().includes(what); tries++) await sleep(10);
  assert.ok(said().includes(what), said().join('\n'));
}

const GIVEN = 'handed over to the agent after this one';
const TAKEN = 'taken over from the agent before';

test('the next agent gets the sockets, and what came meanwhile waits in them', async (t) => {
  const { state, run } = node(t);
  const before = run();
  const port = portOf(await before.line(), 'opened');
  assert.deepEqual(readdirSync(state), ['handover']);
  assert.equal(statSync(join(state, 'handover')).mode & 0o777, 0o600);
  sendTo(port, 'early');
  const after = run();
  assert.equal(portOf(await after.line(), 'took'), port);
  assert.equal(await after.line(), 'got early');
  assert.deepEqual([before.said(), after.said()], [[GIVEN], [TAKEN]]);
  // Kubernetes ends the pod before when the one after is ready.
  before.process.kill('SIGTERM');
  assert.equal(await before.end(), 0);
  sendTo(port, 'late');
  assert.equal(await after.line(), 'got late');
});

test('when the one that took over dies, the one before goes on', async (t) => {
  const { run } = node(t);
  const before = run();
  const port = portOf(await before.line(), 'opened');
  const after = run();
  assert.equal(portOf(await after.line(), 'took'), port);
  sendTo(port, 'to the second');
  assert.equal(await after.line(), 'got to the second');
  after.process.kill('SIGKILL');
  assert.equal(portOf(await before.line(), 'took'), port);
  sendTo(port, 'to the first');
  assert.equal(await before.line(), 'got to the first');
  // And is there for the next.
  const third = run();
  assert.equal(portOf(await third.line(), 'took'), port);
});

test('one whose agent cannot start leaves, and the one before goes on', async (t) => {
  const { run } = node(t);
  const before = run();
  const port = portOf(await before.line(), 'opened');
  // It ends before it asks for anything: the first is not even disturbed.
  assert.equal(await run('broken').end(), 7);
  sendTo(port, 'x');
  const after = run();
  assert.equal(portOf(await after.line(), 'took'), port);
  assert.equal(await after.line(), 'got x');
});

test('the one that takes over dies while the agent before is still leaving', async (t) => {
  const { run } = node(t);
  const before = run('slow');
  const port = portOf(await before.line(), 'opened');
  const after = run();
  assert.equal(await before.line(), 'asked');
  after.process.kill('SIGKILL');
  assert.equal(portOf(await before.line(), 'took'), port);
});

test('the one before dies while its agent is leaving: the next one opens its own', async (t) => {
  const { run } = node(t);
  const before = run('slow');
  await before.line();
  const after = run();
  assert.equal(await before.line(), 'asked');
  before.process.kill('SIGKILL');
  portOf(await after.line(), 'opened');
  assert.deepEqual(after.said(), ['not everything was handed over']);
});

test('an agent that does not leave is ended', async (t) => {
  const { run } = node(t);
  const before = run('deaf');
  const port = portOf(await before.line(), 'opened');
  const after = run();
  assert.equal(await before.line(), 'asked');
  // As a container that is paused, or a machine that goes to sleep; it waits on.
  after.process.kill('SIGSTOP');
  after.process.kill('SIGCONT');
  assert.equal(portOf(await after.line(), 'took'), port);
});

test('of three in a row the last holds; the second goes on when that dies, and not the first', async (t) => {
  const { run } = node(t);
  const all: Run[] = [run()];
  const port = portOf(await (all[0] as Run).line(), 'opened');
  for (const _ of [1, 2]) {
    const next = run();
    all.push(next);
    assert.equal(portOf(await next.line(), 'took'), port);
  }
  const [first, second, third] = all as [Run, Run, Run];
  third.process.kill('SIGKILL');
  assert.equal(portOf(await second.line(), 'took'), port);
  second.process.kill('SIGKILL');
  assert.equal(portOf(await first.line(), 'took'), port);
});

test('who is told to end while another takes over gives first', async (t) => {
  const { run } = node(t);
  const before = run('slow');
  const port = portOf(await before.line(), 'opened');
  const after = run();
  assert.equal(await before.line(), 'asked');
  before.process.kill('SIGTERM');
  assert.equal(portOf(await after.line(), 'took'), port);
  assert.equal(await before.end(), 0);
});

test('a folder that is not there is an error that says so', async (t) => {
  const lost = runParent(t, built, 'offers', join(built.folder, 'none'));
  assert.match(await lost.line(), /^TW_PARENT_OFFER .*No such file/);
});

test('a dead parent’s place at the path is taken', async (t) => {
  const { run } = node(t);
  const dead = run();
  await dead.line();
  dead.process.kill('SIGKILL');
  await dead.end();
  const next = run();
  portOf(await next.line(), 'opened');
  const after = run();
  portOf(await after.line(), 'took');
  await untilSaid(next, GIVEN);
});
