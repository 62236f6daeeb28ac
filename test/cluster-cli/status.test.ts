/** `torwacht status` against a real API server: its exit code is what scripts go by. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { agentStatus, held, inForce, setUp, tellBinding } from './scene.ts';
import { digest, ready, useWorld } from './world.ts';

const world = await useWorld({ after });
const { api, asked, torwacht, tell } = world;
const main = join(import.meta.dirname, '../../cli/main.ts');
before(async () => {
  await setUp(world);
  await tell('EgressPolicy', 'foreign', inForce, 'other');
});

const behind = agentStatus([
  { ...held, digest: digest('b'), reason: 'BundleInvalid', message: 'Piece 2 cannot be read.' },
]);
const late = {
  conditions: [ready('False', 'NodesFail', 'In force on 1 of 2 nodes.')],
  nodes: { ready: 1, total: 2, notReady: 1, summary: '1/2' },
  waiting: [{ reason: 'BundleInvalid', count: 1, nodes: ['node-2'] }],
};

/** While node-2 is behind, and the operator has or has not seen it. */
async function whileBehind(work: () => Promise<void>, { seen }: { seen: boolean }): Promise<void> {
  await tell('NodeAgent', 'node-2', behind);
  if (seen) await tellBinding(world, late);
  try {
    await work();
  } finally {
    await tell('NodeAgent', 'node-2', agentStatus([held]));
    await tellBinding(world, inForce);
  }
}

test('0 when every node that is Ready holds all of it', async () => {
  const { code, stdout } = await torwacht(['status']);
  assert.equal(
    stdout.split('\n')[0],
    'ready: 1 of 1 binding in force, 5 of 5 policies in force, 2 of 2 nodes hold all of it',
  );
  assert.match(stdout, /^note: Node node-3 is not Ready, and nobody waits for it\.$/m);
  assert.equal(code, 0);
  const { told } = await asked(['status', '-n', 'ci']);
  assert.equal(told.allReady, true);
  assert.equal(told.policies.length, 3);
});

test('1 when a node does not hold a binding: which, and why', async () => {
  await whileBehind(
    async () => {
      const { code, stdout } = await torwacht(['status', '-n', 'ci']);
      assert.equal(code, 1);
      assert.match(
        stdout,
        /^not ready: 0 of 1 binding in force, 3 of 3 policies in force, 1 of 2 nodes/,
      );
      assert.match(
        stdout,
        /^ {2}RunnerBinding ci\/runners is not ready: NodesFail\. In force on 1 of 2 nodes\.; BundleInvalid on node-2$/m,
      );
      assert.match(
        stdout,
        /^ {2}Node node-2 does not hold ci\/runners: BundleInvalid\. Piece 2 cannot be read\.$/m,
      );
    },
    { seen: true },
  );
});

test('1 also where no operator tells of it: what nodes say is looked at', async () => {
  await whileBehind(
    async () => {
      const { code, told } = await asked(['status']);
      assert.equal(code, 1);
      assert.deepEqual(told.problems, [
        'Node node-2 does not hold ci/runners: BundleInvalid. Piece 2 cannot be read.',
      ]);
    },
    { seen: false },
  );
});

test('1 when an agent is not ready, an edit is not read yet, or nothing is governed', async () => {
  const sick = { conditions: [ready('False', 'NoBtf', 'The kernel has no type information.')] };
  await tell('NodeAgent', 'node-1', agentStatus([held], sick));
  const agent = await torwacht(['status', '-n', 'ci']);
  assert.equal(agent.code, 1);
  assert.match(
    agent.stdout,
    /The agent of node node-1 is not ready: NoBtf\. The kernel has no type/,
  );
  await tell('NodeAgent', 'node-1', agentStatus([held]));

  await world.write('EgressPolicy', 'web', { allow: [{ fqdn: ['edited.example.com'] }] });
  const edited = await torwacht(['status', '-n', 'ci']);
  assert.equal(edited.code, 1);
  assert.match(
    edited.stdout,
    /EgressPolicy ci\/web is not known to be ready: NotObserved\. .*generation 1, and it is at 2/,
  );
  await tell('EgressPolicy', 'web', inForce);

  const none = await torwacht(['status', '-n', 'other']);
  assert.equal(none.code, 1);
  assert.match(none.stdout, /There is no RunnerBinding: no pod is held\./);
});

test('--wait ends with 0 when the last node has it, and tells on the way what it waits for', async () => {
  await whileBehind(
    async () => {
      const child = spawn(process.execPath, [main, 'status', '--wait', '--timeout', '60s'], {
        env: { PATH: process.env.PATH, KUBECONFIG: api.kubeconfig },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      await once(child.stderr, 'data');
      assert.equal(child.exitCode, null);
      const ended = once(child, 'exit');
      await tell('NodeAgent', 'node-2', agentStatus([held]));
      const [code] = (await ended) as [number];
      assert.equal(code, 0);
      assert.equal(
        stderr,
        'torwacht: Node node-2 does not hold ci/runners: BundleInvalid. Piece 2 cannot be read.\n',
      );
    },
    { seen: false },
  );
});

test('--wait ends with 1 when its time is over', async () => {
  await whileBehind(
    async () => {
      const { code, stdout } = await torwacht(['status', '--wait', '--timeout', '1s']);
      assert.equal(code, 1);
      assert.match(stdout, /^not ready: /);
    },
    { seen: true },
  );
  const { code, stderr } = await torwacht(['status', '--wait', '--timeout', 'soon']);
  assert.equal(code, 2);
  assert.match(stderr, /"soon" is no time\. \[TW_KUBE_TIMEOUT\]/);
});
