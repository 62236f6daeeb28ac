/** In a namespace of its own, as in a pod: only all hooks together let the job start. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { readIfThere, until } from '../e2e/stage.ts';
import { createPod, type Pod } from './pod.ts';
import { PROBES, SERVER, saidBy, skip } from './run.ts';

async function pod(t: TestContext, observe = false): Promise<Pod> {
  const made = await createPod(observe);
  t.after(() => made.close());
  return made;
}

async function outcome(made: Pod, ...args: string[]) {
  const running = made.start(...args);
  const exit = await running.ended;
  const said = saidBy({ code: exit, stdout: running.stdout(), stderr: running.stderr() });
  return { exit, said, line: running.stderr() };
}

for (const observe of [false, true]) {
  test(`${observe ? 'Observe' : 'Block'}: all hooks are there, exit 0`, { skip }, async (t) => {
    const made = await pod(t, observe);
    await made.redirect();
    await made.attach('all');
    await made.answer();
    const { exit, said } = await outcome(made);
    assert.deepEqual([exit, said.code], [0, 'TW_BARRIER_ATTACHED'], said.message);
    assert.equal(said.mode, observe ? 'observe' : 'block');
    assert.equal(await made.rows(), 0);
    assert.equal(made.terminationLog(), '');
    for (const address of [SERVER, ...PROBES])
      assert.equal(made.lab.packetsTo(address), 0, address);
  });

  for (const [hooks, probe, lacking] of [
    ['packet', PROBES[0], 'the address hooks did not refuse 192.0.2.252'],
    ['address', PROBES[1], 'the packet hook did not refuse 192.0.2.253'],
  ] as const) {
    test(`${observe ? 'Observe' : 'Block'}: only the ${hooks} hooks are there, exit 24`, {
      skip,
    }, async (t) => {
      const made = await pod(t, observe);
      await made.redirect();
      await made.attach(hooks);
      await made.answer();
      const { exit, said } = await outcome(made, '--deadline', '1s');
      assert.deepEqual([exit, said.code], [24, 'TW_BARRIER_NOT_ENFORCED']);
      assert.ok(said.message.includes(`${lacking} (it got through)`), said.message);
      // Connecting sends nothing; the datagram of the other probe did go out.
      assert.equal(made.lab.packetsTo(probe) > 0, hooks === 'address');
    });
  }
}

test('control: the agent answers, no hook is there, exit 24', { skip }, async (t) => {
  const made = await pod(t);
  await made.redirect();
  await made.answer();
  const { exit } = await outcome(made, '--deadline', '1s');
  assert.equal(exit, 24);
});

test('all hooks are there, the agent does not answer: exit 20', { skip }, async (t) => {
  const made = await pod(t);
  await made.redirect();
  await made.attach('all');
  const { exit, said } = await outcome(made, '--deadline', '1s');
  assert.deepEqual([exit, said.code], [20, 'TW_BARRIER_NO_ANSWER']);
});

test('all hooks are there, port 53 is not redirected: exit 20, and the query stays inside', {
  skip,
}, async (t) => {
  const made = await pod(t);
  await made.attach('all');
  await made.answer();
  const { exit, said } = await outcome(made, '--deadline', '1s');
  assert.deepEqual([exit, said.code], [20, 'TW_BARRIER_NO_ANSWER']);
  assert.match(said.message, /Operation not permitted/);
  assert.equal(made.lab.packetsTo(SERVER), 0);
});

test('the agent comes while the barrier waits, in the order of the agent', { skip }, async (t) => {
  const made = await pod(t);
  // A flow that is followed already is not redirected any more.
  await made.track();
  const running = made.start('--deadline', '60s', '--interval', '50ms');
  const asked = () => made.lab.packetsTo(SERVER, 53);
  await until(() => asked() >= 3, 'three questions that nobody answers');
  await made.attach('all');
  await made.redirect();
  await made.answer();
  assert.equal(await running.ended, 0, running.stderr());
  assert.ok(saidBy({ code: 0, stdout: running.stdout(), stderr: running.stderr() }).attempts >= 4);
});

test('it is nobody, can do nothing, and says why in the termination log', { skip }, async (t) => {
  const made = await pod(t);
  const running = made.start('--deadline', '60s');
  const status = () => readIfThere(`/proc/${running.pid}/status`);
  await until(() => /^Name:\s+barrier$/m.test(status()), 'the barrier itself');
  assert.match(status(), /^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
  assert.match(status(), /^Groups:\s*$/m);
  assert.match(status(), /^CapEff:\s+0+$/m);
  assert.match(status(), /^CapPrm:\s+0+$/m);
  assert.match(status(), /^NoNewPrivs:\s+1$/m);
  const mounts = readFileSync(`/proc/${running.pid}/mountinfo`, 'utf8').split('\n');
  // proc_pid_mountinfo(5): the fifth field is where, the sixth how.
  const root = mounts.map((line) => line.split(' ')).find((fields) => fields[4] === '/');
  assert.match(root?.[5] ?? '', /^ro\b/);
  running.child.kill('SIGTERM');
  assert.equal(await running.ended, 143);
  assert.equal(
    saidBy({ code: 143, stdout: running.stdout(), stderr: running.stderr() }).code,
    'TW_BARRIER_STOPPED',
  );
  assert.equal(made.terminationLog(), running.stderr());
});
