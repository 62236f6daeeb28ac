import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeAgentStatusSchema } from '#api/node-agent.ts';
import { type Facts, statusOf } from './status.ts';

const digest = 'a'.repeat(64);
const held = { namespace: 'ci', name: 'runners', digest, generation: 3 };
const well: Facts = {
  version: '0.1.0',
  kernel: '6.1.0',
  capabilities: [{ name: 'unix', available: false, message: 'lost' }],
  hostProblems: [],
  connected: true,
  left: false,
  bindings: [held],
  pods: { enforced: 2, failed: 0 },
};
const at = '2030-01-01T00:00:00Z';
const refused = { ...held, reason: 'PieceMissing', message: 'not yet' };

const rows: readonly [why: string, facts: Partial<Facts>, ready: string, reason: string][] = [
  ['all is held', {}, 'True', 'InForce'],
  ['there is nothing to hold', { bindings: [] }, 'True', 'InForce'],
  [
    'a first bundle is on its way',
    { bindings: [{ namespace: 'ci', name: 'x' }] },
    'Unknown',
    'Starting',
  ],
  ['a bundle is refused', { bindings: [refused] }, 'False', 'BundlesRefused'],
  ['a pod could not be held', { pods: { enforced: 1, failed: 1 } }, 'False', 'PodsNotHeld'],
  ['the runtime is away', { connected: false, bindings: [refused] }, 'False', 'RuntimeLost'],
  ['the node is left', { left: true, connected: false }, 'False', 'Left'],
  ['the host is unfit', { hostProblems: ['No.'], connected: false }, 'False', 'HostUnfit'],
];
for (const [why, facts, ready, reason] of rows) {
  test(`${why}: Ready is ${ready}, ${reason}`, () => {
    const status = statusOf({ ...well, ...facts }, 7, undefined, at);
    assert.deepEqual(nodeAgentStatusSchema.parse(status), status);
    const [first] = status.conditions;
    assert.deepEqual([first?.type, first?.status, first?.reason], ['Ready', ready, reason]);
    assert.equal(status.observedGeneration, 7);
  });
}

test('pods that come and go change no word and no time of what is said', () => {
  const before = statusOf(well, 7, undefined, at);
  const later = statusOf(
    { ...well, pods: { enforced: 9, failed: 0 } },
    7,
    before.conditions,
    '2031-01-01T00:00:00Z',
  );
  assert.deepEqual({ ...later, pods: before.pods }, before);
});

test('of many refused bindings some are named', () => {
  const bindings = Array.from({ length: 200 }, (_, n) => ({ ...refused, name: `b${n}` }));
  const [ready] = statusOf({ ...well, bindings }, 7, undefined, at).conditions;
  assert.match(ready?.message ?? '', /ci\/b4 \(PieceMissing\) and 195 more\. /);
});
