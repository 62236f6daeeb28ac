/** The agent's parent, under sanitizers: what it keeps, whom it starts again, what it passes on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildParent, runParent, sendTo } from './testing/run.ts';

const built = buildParent();
const run = (t: TestContext, story: string) => runParent(t, built, story);

test('a socket outlives the agent, and what comes in between waits in it', async (t) => {
  const { process: child, line, end } = run(t, 'socket');
  const port = Number((await line()).replace('open ', ''));
  sendTo(port, 'before');
  child.kill('SIGUSR1');
  assert.equal(await line(), `again ${port} others `);
  assert.equal(await line(), 'got before');
  sendTo(port, 'after');
  assert.equal(await line(), 'got after');
  child.kill('SIGTERM');
  assert.equal(await end(), 128 + 15);
});

test('what is let go is closed; the rest is there in every later life', async (t) => {
  const { process: child, line } = run(t, 'drop');
  const [, one = 0, two = 0] = (await line()).split(' ').map(Number);
  child.kill('SIGUSR1');
  assert.equal(await line(), 'owners two');
  child.kill('SIGUSR1');
  assert.equal(await line(), 'owners two');
  const free = createSocket('udp4');
  free.bind(one, '127.0.0.1');
  await once(free, 'listening');
  free.close();
  const taken = createSocket('udp4');
  taken.bind(two, '127.0.0.1');
  await once(taken, 'error');
  taken.close();
});

test('whatever the agent says gets one answer', async (t) => {
  const { line, end } = run(t, 'hostile');
  const said: string[] = [];
  for (let count = 0; said.at(-1) !== 'done' && count < 20; count++) said.push(await line());
  assert.deepEqual(said, [
    ' !Invalid false',
    '+ !Invalid false',
    '+nothing . false',
    '- . false',
    '-none . false',
    '? . false',
    '?x . false',
    '?0 =nothing true',
    '?9999999 . false',
    'x !Invalid false',
    '+kkkkkkk . false',
    '+kkkkkkk !Invalid false',
    '?9999999 . false',
    'done',
  ]);
  assert.equal(await end(), 0);
});

test('an agent that fails before it gave anything is not started again', async (t) => {
  assert.equal(await run(t, 'fails').end(), 7);
});

test('one that has something to lose is, until it ends well', async (t) => {
  const { line, end } = run(t, 'stumbles');
  for (const life of [1, 2, 3, 4]) assert.equal(await line(), `life ${life}`);
  assert.equal(await end(), 0);
});

test('signals are passed on, and the agent’s status is the parent’s', async (t) => {
  const { process: child, line, end } = run(t, 'signals');
  await line();
  child.kill('SIGHUP');
  assert.equal(await line(), 'hangup');
  child.kill('SIGTERM');
  assert.equal(await end(), 3);
});

test('the agent does not outlive its parent', async (t) => {
  const { process: child, line, end } = run(t, 'signals');
  const pid = (await line()).replace('ready ', '');
  child.kill('SIGKILL');
  await end();
  for (let tries = 0; tries < 500 && existsSync(`/proc/${pid}/fd/0`); tries++) await sleep(10);
  assert.equal(existsSync(`/proc/${pid}/fd/0`), false);
});

test('a program that is not there is an error with its name', async (t) => {
  const child = spawn(built.parent, ['/none/agent'], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => void child.kill('SIGKILL'));
  const said = (async () => {
    let all = '';
    for await (const chunk of child.stderr) all += chunk;
    return all;
  })();
  const [code] = await once(child, 'exit');
  assert.equal(code, 127);
  assert.match(await said, /\/none\/agent: No such file/);
});
