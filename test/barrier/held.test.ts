/** Under torwacht run, where hooks redirect port 53: the job may start, in Block and in Observe. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableOf } from '../e2e/rows.ts';
import { type PolicySpec, sharedStage, skip as unable } from '../e2e/stage.ts';
import { BARRIER, PROBES, SERVER, saidBy, skip as unbuilt } from './run.ts';

const skip = unable || unbuilt;
const stage = sharedStage('held', async (lab) => {
  for (const address of [SERVER, ...PROBES]) lab.addAddress(address);
});

// Whoever writes a policy can open what they like but this.
const open: PolicySpec = {
  allow: [
    {
      cidr: ['192.0.2.0/24'],
      ports: [
        { port: 1, endPort: 65535 },
        { port: 1, endPort: 65535, protocol: 'UDP' },
      ],
    },
  ],
};

for (const [mode, flags] of [
  ['block', []],
  ['observe', ['--observe']],
] as const) {
  for (const [what, policy] of [
    ['nothing is allowed', {}],
    ['all of TEST-NET-1 is', open],
  ] as const) {
    test(`${mode}, ${what}: exit 0 at once, no row, no packet`, { skip }, async () => {
      const { lab } = stage();
      const ended = await stage().run({ policy, flags, command: [BARRIER, '--deadline', '20s'] });
      assert.equal(ended.code, 0, ended.stdout + ended.stderr);
      const said = saidBy({ ...ended, stderr: '' });
      assert.equal(said.code, 'TW_BARRIER_ATTACHED');
      assert.equal(said.mode, mode);
      assert.match(said.policy ?? '', /^[0-9a-f]{16}$/);
      assert.ok(said.attempts >= 1);
      assert.deepEqual(tableOf(ended.stderr), []);
      assert.doesNotMatch(ended.stderr, /blocked|would block/);
      for (const address of [SERVER, ...PROBES]) assert.equal(lab.packetsTo(address), 0, address);
    });
  }
}

test('control: the same command without torwacht fails', { skip }, async () => {
  const ended = await stage().lab.run('host', BARRIER, ['--deadline', '1s']);
  assert.equal(ended.code, 20);
  assert.ok(stage().lab.packetsTo(SERVER, 53) > 0);
});
